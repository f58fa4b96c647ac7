# The counterpart of qemu-guest-paging.S for protected mode: 32-bit and PAE paging. Pages of 4 KiB and 4 MiB, then of 4 KiB
# and 2 MiB, the last also without EFER.NXE.
#
# A try is a number, EBX, of these bits:
        .set    AC, 1 << 0              # EFLAGS.AC
        .set    WP, 1 << 1              # CR0.WP
        .set    SMAP, 1 << 2            # CR4.SMAP
        .set    SMEP, 1 << 3            # CR4.SMEP
        .set    USER, 1 << 4            # at CPL 3
        .set    ACCESS, 5               # two bits: read, write, execute, read as a descriptor table
        .set    WRITABLE, 1 << 7        # R/W of the page
        .set    USER_PAGE, 1 << 8       # U/S of the page
        .set    NO_EXECUTE, 1 << 9      # XD of the page, with PAE
        .set    UPPER_READ_ONLY, 1 << 10        # the same above the page, for 4 KiB pages only
        .set    UPPER_SUPERVISOR, 1 << 11
        .ifdef LOCKSTEP
        .set    STRIDE, 31              # a sample: the numbers of a walk that leaves no bit out
        .else
        .set    STRIDE, 1
        .endif
        # Where the pages tried are, and code for CPL 3.
        .set    SMALL, 0x40000000
        .set    LARGE_32, 0x40400000
        .set    LARGE_PAE, 0x40200000
        .set    USER_CODE, 0x80000000
        # What large pages map.
        .set    FRAME, 0x400000

        .include "qemu-guest.inc"
        .include "qemu-guest-paging.inc"

        .text
        MULTIBOOT start

start:
        mov     $stack_top, %esp
        MASK_8259
        lgdt    gdtr
        ljmp    $0x08, $1f
1:      mov     $0x10, %eax
        mov     %eax, %ss
        mov     $0x23, %eax             # CPL 3 may use these as well
        mov     %eax, %ds
        mov     %eax, %es
        FILL_IDT_32 33, 0xee00
        lidt    idtr
        movl    $interrupt_stack_top, tss + 4
        movl    $0x10, tss + 8
        mov     $tss, %eax
        mov     %ax, tss_descriptor + 2
        shr     $16, %eax
        mov     %al, tss_descriptor + 4
        mov     $0x28, %eax
        ltr     %ax
        mov     $page, %esi
        mov     $FRAME, %edi
        mov     $16, %ecx
        rep movsb

        # 32-bit paging.
        movl    $0x83, directory
        movl    $table + 7, directory + 4 * 256
        movl    $user_table + 7, directory + 4 * 512
        movl    $user_code + 5, user_table
        movl    $0x10, cr4
        mov     $directory, %eax
        call    enable_paging
        movl    $SMALL, target
        movl    $table, entry
        movl    $page, frame
        movl    $directory + 4 * 256, upper
        movl    $1 << 12, tries
        call    try_page
        movl    $LARGE_32, target
        movl    $directory + 4 * 257, entry
        movl    $FRAME + 0x80, frame
        movl    $0, upper
        movl    $1 << 10, tries
        call    try_page

        # PAE paging.
        mov     $0x11, %eax
        mov     %eax, %cr0
        movl    $0, table
        movl    $low_directory + 1, pdpt
        movl    $0x83, low_directory
        movl    $0x200083, low_directory + 8
        movl    $middle_directory + 1, pdpt + 8
        movl    $table + 7, middle_directory
        movl    $high_directory + 1, pdpt + 16
        movl    $user_table + 7, high_directory
        movl    $0x20, cr4
        mov     $0xc0000080, %ecx
        rdmsr
        or      $0x800, %eax
        wrmsr
        mov     $pdpt, %eax
        call    enable_paging
        movl    $SMALL, target
        movl    $table, entry
        movl    $page, frame
        movl    $middle_directory, upper
        movl    $1 << 12, tries
        call    try_page
        movl    $LARGE_PAE, target
        movl    $middle_directory + 8, entry
        movl    $FRAME + 0x80, frame
        movl    $0, upper
        movl    $1 << 10, tries
        call    try_page
        .ifndef LOCKSTEP                # where QEMU's error codes for reserved bits differ
        mov     $0xc0000080, %ecx
        rdmsr
        and     $~0x800, %eax
        wrmsr
        call    try_page
        .endif

        mov     $0xf4, %edx
        mov     $0x10, %eax
        out     %eax, %dx
1:      hlt
        jmp     1b

enable_paging:                          # tables at EAX
        mov     %eax, %cr3
        mov     cr4, %eax
        mov     %eax, %cr4
        mov     $0x80000011, %eax
        mov     %eax, %cr0
        ret

# Tries the page at `target`.
try_page:
        incl    pass
        mov     $ldt_descriptor, %edi
        mov     target, %eax
        mov     %ax, 2(%edi)
        shr     $16, %eax
        mov     %al, 4(%edi)
        mov     %ah, 7(%edi)
        mov     $0x30, %eax
        lldt    %ax
        xor     %ebx, %ebx
next_try:
        test    $63, %ebx
        jnz     1f
        call    print_line_number
1:
        .ifdef LOCKSTEP
        mov     %ebx, %eax              # QEMU lets AC open SMAP for descriptors
        and     $USER | 3 << ACCESS | AC, %eax
        cmp     $3 << ACCESS | AC, %eax
        je      tried_next
        .endif
        mov     upper, %edi
        test    %edi, %edi
        jz      2f
        orb     $7, (%edi)
        test    $UPPER_READ_ONLY, %ebx
        jz      1f
        andb    $~2, (%edi)
1:      test    $UPPER_SUPERVISOR, %ebx
        jz      2f
        andb    $~4, (%edi)
2:      mov     frame, %eax
        inc     %eax
        test    $WRITABLE, %ebx
        jz      1f
        or      $2, %eax
1:      test    $USER_PAGE, %ebx
        jz      1f
        or      $4, %eax
1:      mov     entry, %edi
        mov     %eax, (%edi)
        testl   $0x20, cr4
        jz      1f
        movl    $0, 4(%edi)
        test    $NO_EXECUTE, %ebx
        jz      1f
        movl    $0x80000000, 4(%edi)
1:      mov     target, %edi
        invlpg  (%edi)
        mov     $0x80000011, %eax
        test    $WP, %ebx
        jz      1f
        or      $1 << 16, %eax
1:      mov     %eax, %cr0
        mov     cr4, %eax
        test    $SMAP, %ebx
        jz      1f
        or      $1 << 21, %eax
1:      test    $SMEP, %ebx
        jz      1f
        or      $1 << 20, %eax
1:      mov     %eax, %cr4
        mov     %esp, saved_esp
        mov     $0x0f, %eax             # the second descriptor of the LDT
        mov     %ebx, %esi
        shr     $ACCESS, %esi
        and     $3, %esi
        shl     $4, %esi
        mov     $2, %ecx
        test    $AC, %ebx
        jz      1f
        or      $1 << 18, %ecx
1:      test    $USER, %ebx
        jnz     1f
        add     $user_code, %esi
        push    %ecx
        popfl
        jmp     *%esi
1:      add     $USER_CODE, %esi
        pushl   $0x23
        pushl   $0
        push    %ecx
        pushl   $0x1b
        push    %esi
        iretl

# Vector AL, error code EDX.
tried:
        mov     saved_esp, %esp
        pushl   $2
        popfl
        mov     %dl, %dh                # the error code of #PF is below 40h
        mov     $0x40, %dl
        cmp     $0x20, %al
        je      1f
        mov     %dh, %dl
        cmp     $14, %al
        je      1f
        lea     0x80(%eax), %edx
1:      mov     %edx, %eax
        shr     $4, %al
        call    print_digit
        mov     %edx, %eax
        call    print_digit
        xor     %eax, %eax              # D and A; after a fault processors may have set A or not
        cmp     $0x40, %dl
        jne     1f
        mov     entry, %eax
        mov     (%eax), %al
        shr     $5, %al
        and     $3, %al
1:      call    print_digit
        cmp     $0x40, %dl
        jae     tried_next
        mov     %cr2, %eax
        xor     target, %eax
        cmp     $8, %eax                # the second descriptor
        jbe     tried_next
        mov     $'!', %al
        call    putc
tried_next:
        add     $STRIDE, %ebx
        cmp     tries, %ebx
        jb      next_try
        ret

        VECTOR_STUBS %edx, %esp

        REPORTING %eax, %edx

# The accesses to EDI, for both privilege levels.
        .align  4096
user_code:
        mov     (%edi), %al
        int     $0x20
        .align  16
        mov     %al, 3(%edi)
        int     $0x20
        .align  16
        jmp     *%edi
        .align  16
        mov     %eax, %fs
        int     $0x20
        .align  4096
# What the pages hold: INT 20h, and a data segment as their second descriptor.
page:   int     $0x20
        .skip   6
        .quad   0x00cff3000000ffff
        .align  4096

        .data
        .align  16
gdt:    .quad   0
        .quad   0x00cf9b000000ffff      # 08: code
        .quad   0x00cf93000000ffff      # 10: data
        .quad   0x00cffb000000ffff      # 18: code of CPL 3
        .quad   0x00cff3000000ffff      # 20: data of CPL 3
tss_descriptor:
        .quad   0x0000890000000067
ldt_descriptor:
        .quad   0x000082000000000f
gdt_end:
gdtr:   .word   gdt_end - gdt - 1
        .long   gdt
idtr:   .word   33 * 8 - 1
        .long   idt
        .align  4
cr4:    .long   0
pass:   .long   0
target: .long   0                       # linear address of the page
entry:  .long   0                       # its entry
frame:  .long   0                       # its entry without rights
upper:  .long   0                       # the entry above it, if any
tries:  .long   0
saved_esp:
        .long   0
tss:    .skip   0x68

        .bss
        .align  4096
directory:
        .skip   4096
table:  .skip   4096
user_table:
        .skip   4096
pdpt:   .skip   4096
low_directory:
        .skip   4096
middle_directory:
        .skip   4096
high_directory:
        .skip   4096
idt:    .skip   4096
        .skip   4096
stack_top:
        .skip   4096
interrupt_stack_top:
bss_end:
