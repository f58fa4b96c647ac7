# A multiboot program that provokes one architectural event after the other and reports each on COM1, for comparing
# processors. A report is one line; what a machine may choose freely is left out.

        .include "qemu-guest.inc"

        .text
        MULTIBOOT start32

        .code32
start32:
        mov     $boot_stack_top, %esp
        mov     $tables, %edi
        xor     %eax, %eax
        mov     $(7 * 4096 / 4), %ecx
        rep stosl
        # PML4[0] and PML4[511] -> PDPT -> PD -> 2 MiB pages; PD[1] -> PT for the pages with special rights.
        mov     $tables, %edi
        lea     0x1007(%edi), %eax
        mov     %eax, (%edi)
        mov     %eax, 0xff8(%edi)
        lea     0x2007(%edi), %eax
        mov     %eax, 0x1000(%edi)
        mov     %eax, 0x1ff0(%edi)
        movl    $0x87, 0x2000(%edi)
        lea     0x3007(%edi), %eax
        mov     %eax, 0x2008(%edi)
        # Page table for 0x200000: user rw, kernel rw, user ro, user rw NX, reserved bit, absent.
        movl    $0x180007, 0x3000(%edi)
        movl    $0x181003, 0x3008(%edi)
        movl    $0x182005, 0x3010(%edi)
        movl    $0x183007, 0x3018(%edi)
        movl    $0x80000000, 0x301c(%edi)
        movl    $0x184007, 0x3020(%edi)
        movl    $0x00080000, 0x3024(%edi)
        mov     %edi, %cr3
        mov     $0x20, %eax
        mov     %eax, %cr4
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
        LOAD_SEGMENTS 0x18, kernel_stack_top, %rsp
        FILL_IDT_64 256, 0x8e00
        movb    $0xee, idt + 16 * 0x80 + 5
        movb    $0xee, idt + 16 * 3 + 5
        movb    $0xee, idt + 16 * 4 + 5
        movb    $0x0e, idt + 16 * 0x81 + 5
        movb    $0x85, idt + 16 * 0x82 + 5
        movw    $0, idt + 16 * 0x83 + 2
        movw    $0x18, idt + 16 * 0x84 + 2
        movw    $0x08, idt + 16 * 0x85 + 2
        movw    $0x60, idt + 16 * 0x86 + 2
        movb    $0x8f, idt + 16 * 0x87 + 5
        movb    $1, idt + 16 * 8 + 4
        movb    $2, idt + 16 * 0x88 + 4
        movb    $3, idt + 16 * 0x89 + 4
        movw    $0x8000, idt + 16 * 0x8a + 8
        movw    $0x1000, idt + 16 * 0x8b + 2
        lidt    idtr
        mov     $kernel_stack_top, %rax
        mov     %rax, tss + 4
        mov     $ist1_top, %rax
        mov     %rax, tss + 0x24
        mov     $ist2_top - 5, %rax
        mov     %rax, tss + 0x2c
        movabs  $0x0000900000000000, %rax
        mov     %rax, tss + 0x34
        mov     $tss, %eax
        mov     %ax, tss_descriptor + 2
        shr     $16, %eax
        mov     %al, tss_descriptor + 4
        mov     $ldt, %eax
        mov     %ax, ldt_descriptor + 2
        shr     $16, %eax
        mov     %al, ldt_descriptor + 4
        mov     $gate_target, %eax
        mov     %ax, call_gate
        shr     $16, %eax
        mov     %ax, call_gate + 6
        mov     $0x40, %eax
        ltr     %ax
        # MSRs of the system call.
        mov     $0xc0000081, %ecx
        xor     %eax, %eax
        mov     $0x00230010, %edx
        wrmsr
        mov     $0xc0000082, %ecx
        mov     $syscall_entry, %eax
        xor     %edx, %edx
        wrmsr
        mov     $0xc0000084, %ecx
        mov     $0x47700, %eax
        wrmsr

# ---- reporting ------------------------------------------------------------------------------------------------------

        # CASE n: what follows is reported as case n; END goes on with the next.
        .macro CASE n
        movl    $40, debug_budget
        mov     $kernel_stack_top, %rsp
        mov     $998f, %eax
        mov     %rax, resume
        mov     $999f, %eax
        mov     %rax, case_start
        mov     $0x\n, %eax
        call    print_case
        pushq   $2
        popfq
999:
        .endm

        .macro END
        jmp     998f
998:
        .endm

        # Prints a 64-bit register as "=value".
        .macro SHOW operand
        push    %rax
        mov     \operand, %rax
        call    print_value
        pop     %rax
        .endm

        jmp     cases

print_char:                             # AL; keeps everything
        push    %rdx
        mov     $0x3f8, %edx
        out     %al, %dx
        pop     %rdx
        ret

print_hex:                              # RAX, without leading zeros; keeps everything but flags
        push    %rax
        push    %rcx
        push    %rdx
        mov     %rax, %rdx
        mov     $60, %ecx
1:      mov     %rdx, %rax
        shr     %cl, %rax
        jnz     2f
        sub     $4, %ecx
        jnz     1b
2:      mov     %rdx, %rax
        shr     %cl, %rax
        and     $15, %eax
        cmp     $10, %al
        jb      3f
        add     $39, %al
3:      add     $48, %al
        call    print_char
        sub     $4, %ecx
        jns     2b
        pop     %rdx
        pop     %rcx
        pop     %rax
        ret

print_value:
        push    %rax
        mov     $'=', %al
        call    print_char
        pop     %rax
        jmp     print_hex

print_field:                            # " " and RAX
        push    %rax
        mov     $' ', %al
        call    print_char
        pop     %rax
        jmp     print_hex

print_case:
        push    %rax
        mov     $10, %al
        call    print_char
        pop     %rax
        call    print_hex
        push    %rax
        mov     $':', %al
        call    print_char
        pop     %rax
        ret

        # Stubs of 16 bytes: error code (or 0), vector, on to the reporter.
        .align  16
stubs:
        .set    vector, 0
        .rept   256
        .align  16
        .if     vector == 8 || (vector >= 10 && vector <= 14) || vector == 17
        .else
        push    $0
        .endif
        push    $vector
        jmp     report
        .set    vector, vector + 1
        .endr

        # Stack: vector, error code, RIP, CS, RFLAGS, RSP, SS.
report:
        push    %rax
        cmpq    $1, 8(%rsp)
        je      report_debug
        mov     $' ', %al
        call    print_char
        mov     $'V', %al
        call    print_char
        mov     8(%rsp), %rax
        call    print_hex
        mov     16(%rsp), %rax
        call    print_field
        mov     24(%rsp), %rax
        sub     case_start, %rax
        call    print_field
        mov     32(%rsp), %rax
        call    print_field
        mov     40(%rsp), %rax
        and     $~0x108d5, %eax                   # status flags may be undefined
        call    print_field
        mov     56(%rsp), %rax
        call    print_field
        mov     %rsp, %rax
        and     $0xfff, %eax
        call    print_field
        mov     %ss, %eax
        call    print_field
        cmpq    $14, 8(%rsp)
        jne     1f
        mov     %cr2, %rax
        call    print_field
1:      jmp     recover

        # #DB: DR6, where, and on unless the case says that it ends here.
report_debug:
        mov     $' ', %al
        call    print_char
        mov     $'D', %al
        call    print_char
        push    %rax
        mov     %dr6, %rax
        call    print_hex
        mov     $0xffff0ff0, %eax
        mov     %rax, %dr6
        pop     %rax
        mov     24(%rsp), %rax
        sub     case_start, %rax
        call    print_field
        mov     32(%rsp), %rax
        call    print_field
        mov     40(%rsp), %rax
        and     $~0x108d5, %eax
        call    print_field
        pop     %rax
        add     $16, %rsp
        decl    debug_budget
        js      recover
        iretq

recover:
        mov     $0x18, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        mov     $kernel_stack_top, %rsp
        movl    $40, debug_budget
        jmp     *resume

syscall_entry:
        mov     %rsp, user_rsp
        mov     $kernel_stack_top, %rsp
        pushfq
        push    %rax
        mov     $' ', %al
        call    print_char
        mov     $'S', %al
        call    print_char
        mov     %rcx, %rax
        sub     case_start, %rax
        call    print_hex
        mov     %r11, %rax
        and     $~0x8d5, %rax
        call    print_field
        mov     8(%rsp), %rax
        and     $~0x8d5, %rax
        call    print_field
        mov     %cs, %eax
        call    print_field
        mov     %ss, %eax
        call    print_field
        mov     user_rsp, %rax
        call    print_field
        pop     %rax
        pop     %r10
        mov     user_rsp, %rsp
        cmp     $1, %eax
        je      1f
        jmp     recover
1:      sysretq

gate_target:                            # of the call gate: shows its frame
        mov     %cs, %eax
        SHOW    %rax
        mov     %ss, %eax
        SHOW    %rax
        SHOW    8(%rsp)
        SHOW    24(%rsp)
        lretq

        # USER flags, target: to ring 3 by IRETQ.
        .macro USER flags, target, cs=0x33
        pushq   $0x2b
        pushq   $user_stack_top
        pushq   $\flags
        pushq   $\cs
        pushq   $\target
        iretq
        .endm

# ---- cases ----------------------------------------------------------------------------------------------------------

cases:
        movl    $40, debug_budget
        .include "qemu-cases.S"

finish:
        mov     $10, %al
        call    print_char
        mov     $0xf4, %edx
        mov     $0x10, %eax
        out     %eax, %dx
1:      hlt
        jmp     1b

# ---- data -----------------------------------------------------------------------------------------------------------

        .data
        .align  8
gdt:    .quad   0
        .quad   0x00cf9b000000ffff      # 08: 32-bit code
        .quad   0x00af9b000000ffff      # 10: 64-bit code
        .quad   0x00cf93000000ffff      # 18: data
        .quad   0x00cffb000000ffff      # 23: 32-bit code, ring 3
        .quad   0x00cff3000000ffff      # 2b: data, ring 3
        .quad   0x00affb000000ffff      # 33: 64-bit code, ring 3
        .quad   0x00af9e000000ffff      # 38: conforming 64-bit code
tss_descriptor:
        .quad   0x0000890000000067      # 40, 48: TSS
        .quad   0
        .quad   0x00cf13000000ffff      # 50: data, not present
        .quad   0x00af1b000000ffff      # 58: 64-bit code, not present
        .quad   0x00cf9b000000ffff | (1 << 53)  # 60: code with L and D
        .quad   0x00cf91000000ffff      # 68: read-only data
        .quad   0x00cf99000000ffff      # 70: execute-only 32-bit code
        .quad   0x008ff3000000ffff      # 78: 16-bit data, ring 3
call_gate:
        .quad   0x0000ec0000100000      # 80, 88: 64-bit call gate, ring 3, to 10
        .quad   0
ldt_descriptor:
        .quad   0x000082000000000f      # 90, 98: LDT
        .quad   0
        .quad   0x0040920010000fff      # a0: small data segment, not accessed
gdt_end:
gdtr:   .word   gdt_end - gdt - 1
        .quad   gdt
idtr:   .word   256 * 16 - 1
        .quad   idt
short_idtr:
        .word   0x20 * 16 - 1
        .quad   idt
        .align  8
resume: .quad   0
case_start:
        .quad   0
user_rsp:
        .quad   0
saved:  .quad   0
debug_budget:
        .long   0
        .align  16
tss:    .skip   0x68
ldt:    .quad   0, 0x00cf93000000ffff

        .bss
        .align  4096
tables: .skip   7 * 4096
idt:    .skip   4096
        .skip   4096
boot_stack_top:
        .skip   4096
kernel_stack_top:
        .skip   4096
ist1_top:
        .skip   4096
ist2_top:
        .skip   4096
user_stack_top:
        .align  4096
bss_end:
