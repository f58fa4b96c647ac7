# Every combination of page rights, of what control registers and protection keys say about them, and of accesses: each is
# tried and what came of it printed on COM1, for comparing processors. With 5-level paging where the processor has it. With
# LOCKSTEP defined there are fewer, nothing is printed, and the cases in which QEMU is known to differ are left out.
#
# A try is a number, RBX, of these bits:
        .set    RIGHTS, 3               # of the page's key in PKRU and IA32_PKRS: AD, WD
        .set    AC, 1 << 2              # EFLAGS.AC
        .set    WP, 1 << 3              # CR0.WP
        .set    SMAP, 1 << 4            # CR4.SMAP
        .set    SMEP, 1 << 5            # CR4.SMEP
        .set    USER, 1 << 6            # at CPL 3
        .set    ACCESS, 7               # two bits: read, write, execute, read as a descriptor table
        .set    WRITABLE, 1 << 9        # R/W of the page
        .set    USER_PAGE, 1 << 10      # U/S of the page
        .set    NO_EXECUTE, 1 << 11     # XD of the page
        .set    TRIES, 1 << 12
        .set    UPPER_READ_ONLY, 1 << 12        # the same above the page, for 4 KiB pages only
        .set    UPPER_SUPERVISOR, 1 << 13
        .set    TRIES_4K, 1 << 14
        .set    KEY, 1
        .ifdef LOCKSTEP
        .set    STRIDE, 127             # a sample: the numbers of a walk that leaves no bit out
        .else
        .set    STRIDE, 1
        .endif

        .include "qemu-guest.inc"
        .include "qemu-guest-paging.inc"

        .text
        MULTIBOOT start32

        .code32
start32:
        mov     $stack_top, %esp
        mov     $7, %eax
        xor     %ecx, %ecx
        cpuid
        mov     %ecx, features
        # The first GiB is the kernel's, page by page the same as physical memory.
        movl    $pdpt + 3, pml4
        movl    $directory + 3, pdpt
        mov     $directory, %edi
        mov     $0x83, %eax
        mov     $512, %ecx
1:      mov     %eax, (%edi)
        add     $0x200000, %eax
        add     $8, %edi
        loop    1b
        # The pages tried are below entry 1 of the upper PML4, code for CPL 3 below entry 2.
        movl    $test_pdpt + 7, upper_pml4 + 8
        movl    $test_directory + 7, test_pdpt
        movl    $test_table + 7, test_directory
        movl    $user_pdpt + 7, upper_pml4 + 16
        movl    $user_directory + 7, user_pdpt
        movl    $user_table + 7, user_directory
        mov     $user_code + 5, %eax
        mov     %eax, user_table
        mov     $0x20, %eax             # PAE
        mov     $pml4, %edx
        testl   $1 << 16, features
        jz      four_levels
        or      $1 << 12, %eax          # LA57
        mov     $pml5, %edx
        movl    $pml4 + 3, pml5
        movl    $upper_pml4 + 7, pml5 + 8
        movl    $1 << 16, upper_half + 4
        jmp     2f
four_levels:
        movl    $test_pdpt + 7, pml4 + 8
        movl    $user_pdpt + 7, pml4 + 16
        movl    $pml4, upper
2:      mov     %eax, %cr4
        mov     %edx, %cr3
        mov     $0xc0000080, %ecx
        rdmsr
        or      $0x901, %eax
        wrmsr
        mov     $0x80010033, %eax
        mov     %eax, %cr0
        lgdt    gdtr
        ljmp    $0x10, $start64

        .code64
start64:
        MASK_8259
        LOAD_SEGMENTS 0x18, stack_top, %rsp
        FILL_IDT_64 33, 0xee00
        lidt    idtr
        mov     $interrupt_stack_top, %eax
        mov     %rax, tss + 4
        mov     $tss, %eax
        mov     %ax, tss_descriptor + 2
        shr     $16, %eax
        mov     %al, tss_descriptor + 4
        mov     $0x40, %eax
        ltr     %ax
        # CR4 with protection keys, as far as there are any.
        mov     %cr4, %rax
        testl   $1 << 3, features
        jz      1f
        or      $1 << 22, %eax          # PKE
1:      testl   $1 << 31, features
        jz      1f
        or      $1 << 24, %eax          # PKS
1:      mov     %rax, %cr4
        mov     %rax, cr4
        mov     $0x8000000000, %rax
        add     %rax, upper_half
        mov     $page, %esi
        mov     $0x400000, %edi
        mov     $16, %ecx
        rep movsb
        mov     upper_half, %rbp
        mov     $page, %eax
        mov     $TRIES_4K, %edx
        lea     test_table, %rdi
        call    try_page
        mov     $0x400000 + 0x80, %eax
        mov     $TRIES, %edx
        lea     test_directory + 8, %rdi
        add     $0x200000, %rbp
        call    try_page
        mov     $0x80, %eax
        mov     $TRIES, %edx
        lea     test_pdpt + 8, %rdi
        mov     upper_half, %rbp
        add     $0x40400000, %rbp
        call    try_page
        .ifndef LOCKSTEP                # where QEMU's error codes for reserved bits differ
        mov     $0xc0000080, %ecx       # without EFER.NXE
        rdmsr
        and     $~0x800, %eax
        wrmsr
        mov     $page, %eax
        mov     $TRIES, %edx
        lea     test_table, %rdi
        mov     upper_half, %rbp
        call    try_page
        .endif
        mov     $0xf4, %edx
        mov     $0x10, %eax
        out     %eax, %dx
1:      hlt
        jmp     1b

# Tries EDX times the page at RBP whose entry is at RDI and, without its rights, EAX.
try_page:
        mov     %rdi, %r8
        mov     %eax, %r9d
        mov     %edx, %r10d
        incl    pass
        lea     ldt_descriptor, %rdi
        mov     %rbp, %rax
        mov     %ax, 2(%rdi)
        shr     $16, %rax
        mov     %al, 4(%rdi)
        mov     %ah, 7(%rdi)
        shr     $16, %rax
        mov     %eax, 8(%rdi)
        mov     $0x50, %eax
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
        .else
        test    $RIGHTS, %ebx           # other rights of its key must do without INVLPG
        jnz     same_page
        .endif
        mov     upper, %rdi
        mov     $test_pdpt + 7, %eax
        test    $UPPER_READ_ONLY, %ebx
        jz      1f
        and     $~2, %eax
1:      test    $UPPER_SUPERVISOR, %ebx
        jz      1f
        and     $~4, %eax
1:      mov     %rax, 8(%rdi)
        lea     1(%r9), %rax
        test    $WRITABLE, %ebx
        jz      1f
        or      $2, %eax
1:      test    $USER_PAGE, %ebx
        jz      1f
        or      $4, %eax
1:      test    $NO_EXECUTE, %ebx
        jz      1f
        bts     $63, %rax
1:      mov     $KEY, %ecx
        shl     $59, %rcx
        or      %rcx, %rax
        mov     %rax, (%r8)
        invlpg  (%rbp)
same_page:
        mov     $0x80000033, %eax
        test    $WP, %ebx
        jz      1f
        or      $1 << 16, %eax
1:      mov     %rax, %cr0
        mov     cr4, %rax
        test    $SMAP, %ebx
        jz      1f
        or      $1 << 21, %eax
1:      test    $SMEP, %ebx
        jz      1f
        or      $1 << 20, %eax
1:      mov     %rax, %cr4
        mov     %ebx, %eax
        and     $RIGHTS, %eax
        shl     $2 * KEY, %eax
        xor     %edx, %edx
        testl   $1 << 31, features
        jz      1f
        mov     $0x6e1, %ecx
        wrmsr
1:      testl   $1 << 3, features
        jz      1f
        xor     %ecx, %ecx
        wrpkru
1:      mov     %rsp, saved_rsp
        mov     %rbp, %rdi
        mov     $0x0f, %eax             # the second descriptor of the LDT
        mov     %ebx, %esi
        shr     $ACCESS, %esi
        and     $3, %esi
        shl     $4, %esi
        test    $USER, %ebx
        jnz     1f
        add     $user_code, %rsi
        mov     $0x40002, %ecx
        test    $AC, %ebx
        jnz     2f
        mov     $2, %ecx
2:      push    %rcx
        popfq
        jmp     *%rsi
1:      mov     $0x8000000000, %rcx
        add     upper_half, %rcx
        add     %rcx, %rsi
        pushq   $0x2b
        pushq   $0
        mov     $0x40002, %ecx
        test    $AC, %ebx
        jnz     2f
        mov     $2, %ecx
2:      push    %rcx
        pushq   $0x33
        push    %rsi
        iretq

# Vector AL, error code RDX.
tried:
        mov     saved_rsp, %rsp
        pushq   $2
        popfq
        mov     %dl, %dh                # the error code of #PF is below 40h
        mov     $0x40, %dl
        cmp     $0x20, %al
        je      1f
        mov     %dh, %dl
        cmp     $14, %al
        je      1f
        lea     0x80(%rax), %edx
1:      mov     %edx, %eax
        shr     $4, %al
        call    print_digit
        mov     %edx, %eax
        call    print_digit
        xor     %eax, %eax              # D and A; after a fault processors may have set A or not
        cmp     $0x40, %dl
        jne     1f
        mov     (%r8), %al
        shr     $5, %al
        and     $3, %al
1:      call    print_digit
        cmp     $0x40, %dl
        jae     1f
        mov     %cr2, %rax
        xor     %rbp, %rax
        cmp     $8, %rax                # the second descriptor
        jbe     1f
        mov     $'!', %al
        call    putc
1:
tried_next:
        add     $STRIDE, %ebx
        cmp     %r10d, %ebx
        jb      next_try
        ret

        VECTOR_STUBS %rdx, %rsp

        REPORTING %rax, %rdx

# The accesses to RDI, for both privilege levels.
        .align  4096
user_code:
        mov     (%rdi), %al
        int     $0x20
        .align  16
        mov     %al, 3(%rdi)
        int     $0x20
        .align  16
        jmp     *%rdi
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
        .quad   0
        .quad   0x00af9b000000ffff      # 10: code
        .quad   0x00cf93000000ffff      # 18: data
        .quad   0
        .quad   0x00cff3000000ffff      # 28: data of CPL 3
        .quad   0x00affb000000ffff      # 30: code of CPL 3
        .quad   0
tss_descriptor:
        .quad   0x0000890000000067
        .quad   0
ldt_descriptor:
        .quad   0x000082000000000f
        .quad   0
gdt_end:
gdtr:   .word   gdt_end - gdt - 1
        .quad   gdt
idtr:   .word   33 * 16 - 1
        .quad   idt
        .align  8
features:
        .quad   0
cr4:    .quad   0
pass:   .quad   0
upper:  .quad   upper_pml4              # the table that has the entry above the pages tried
upper_half:
        .quad   0                       # where they are
saved_rsp:
        .quad   0
        .align  16
tss:    .skip   0x68

        .bss
        .align  4096
pml5:   .skip   4096
pml4:   .skip   4096
upper_pml4:
        .skip   4096
pdpt:   .skip   4096
directory:
        .skip   4096
test_pdpt:
        .skip   4096
test_directory:
        .skip   4096
test_table:
        .skip   4096
user_pdpt:
        .skip   4096
user_directory:
        .skip   4096
user_table:
        .skip   4096
idt:    .skip   4096
        .skip   4096
stack_top:
        .skip   4096
interrupt_stack_top:
bss_end:
