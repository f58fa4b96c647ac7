# A kernel with shadow stacks and indirect branch tracking in ring 0 and ring 3, and a program that makes system calls
# and then changes a return address. Flat, at 0x100000; ring 0, 64-bit mode; results at 0x80000.
    .set RESULTS, 0x80000
    .set KERNEL_TOKEN, 0x400ff8
    .set USER_SSP, 0x601000
    .set TABLES, 0x70000
    .set TSS, 0x71000
    .set IDT, 0x72000

    .macro wrmsr_imm msr, value
    mov $\msr, %ecx
    mov $\value, %eax
    xor %edx, %edx
    wrmsr
    .endm

    # The GDT: ring 0 code and data at 8 and 10h, ring 3 data and code at 20h and 28h as SYSRET wants them, a TSS at 30h.
    lea gdt(%rip), %rsi
    mov $TABLES, %edi
    mov $8, %ecx
    rep movsq
    movw $0x3f, TABLES + 0x100
    movq $TABLES, TABLES + 0x102
    lgdt TABLES + 0x100
    movq $0x88000, TSS + 4
    mov $0x30, %eax
    ltr %ax

    # One gate: #CP.
    lea control_protection(%rip), %rax
    mov %ax, IDT + 21 * 16
    movw $8, IDT + 21 * 16 + 2
    movw $0x8e00, IDT + 21 * 16 + 4
    shr $16, %rax
    mov %ax, IDT + 21 * 16 + 6
    movw $0xfff, TABLES + 0x110
    movq $IDT, TABLES + 0x112
    lidt TABLES + 0x110

    wrmsr_imm 0x6a4, KERNEL_TOKEN
    wrmsr_imm 0x6a7, USER_SSP
    # Shadow stack, WRSS and ENDBRANCH; for ring 3 without WRSS.
    wrmsr_imm 0x6a2, 7
    wrmsr_imm 0x6a0, 5
    mov %cr4, %rax
    or $1 << 23, %rax
    mov %rax, %cr4
    mov $KERNEL_TOKEN, %rax
    wrssq %rax, (%rax)

    mov $0xc0000080, %ecx
    rdmsr
    or $1, %eax
    wrmsr
    mov $0xc0000081, %ecx
    xor %eax, %eax
    mov $0x00180008, %edx
    wrmsr
    lea entry(%rip), %rax
    mov $0xc0000082, %ecx
    xor %edx, %edx
    wrmsr
    wrmsr_imm 0xc0000084, 0x200

    lea user(%rip), %rcx
    mov $2, %r11d
    mov $0x8c000, %esp
    sysretq

    # Ring 0: the way of a system call. SYSCALL has left SSP 0.
entry:
    endbr64
    mov %rsp, TSS + 0x100
    mov $0x88000, %esp
    setssbsy
    push %rcx
    push %r11
    lea handler(%rip), %rax
    call *%rax
    pop %r11
    pop %rcx
    rdsspq %rax
    clrssbsy (%rax)
    mov (%rax), %rdx
    mov %rdx, RESULTS + 48
    mov TSS + 0x100, %rsp
    sysretq

handler:
    endbr64
    incq RESULTS
    rdsspq %rax
    add $8, %rax
    mov %rax, RESULTS + 8
    mov (%rax), %rdx
    mov %rdx, RESULTS + 16
    ret

control_protection:
    endbr64
    pop RESULTS + 24
    pop RESULTS + 32
    mov $0x6a7, %ecx
    rdmsr
    mov %eax, RESULTS + 40
    mov $0x6a2, %ecx
    rdmsr
    mov %eax, RESULTS + 56
    hlt

    # Ring 3.
user:
    mov $1000, %ebp
1:  call invoke
    dec %ebp
    jnz 1b
    lea return(%rip), %rax
    mov %rax, 0x80100
    call attacked
    hlt

invoke:
    syscall
    ret

attacked:
    lea elsewhere(%rip), %rax
    mov %rax, (%rsp)
return:
    ret
elsewhere:
    hlt

    .balign 8
gdt:
    .quad 0
    .quad 0x00af9b000000ffff
    .quad 0x00cf93000000ffff
    .quad 0
    .quad 0x00cff3000000ffff
    .quad 0x00affb000000ffff
    .quad 0x0000890710000067
    .quad 0
