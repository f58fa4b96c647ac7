# A kernel without IDT: every event enters by FRED. Flat, at 0x100000; ring 0, 64-bit mode; no GDT either, for ERETU takes
# the segments of STAR. Results at 0x80000, see fred.test.ts. GNU as of binutils 2.40 does not know the instructions.
    .set RESULTS, 0x80000
    .set SYSTEM_CALLS, RESULTS
    .set PAGE_FAULTS, RESULTS + 0x08
    .set FAULT_ADDRESS, RESULTS + 0x10
    .set BREAKPOINTS, RESULTS + 0x18
    .set INTERRUPTS, RESULTS + 0x20
    .set KERNEL_FAULTS, RESULTS + 0x28
    .set SURPRISES, RESULTS + 0x30
    .set KEPT, RESULTS + 0x38
    .set STEP_COUNT, RESULTS + 0x40
    .set KERNEL_INTERRUPTS, RESULTS + 0x48
    .set STEPS, RESULTS + 0x100
    .set EXPECTED, RESULTS + 0x200

    .set USER_CS, 0x33
    .set USER_SS, 0x2b

    .macro eretu
    .byte 0xf3, 0x0f, 0x01, 0xca
    .endm
    .macro erets
    .byte 0xf2, 0x0f, 0x01, 0xca
    .endm
    .macro wrmsr_eax msr
    mov $\msr, %ecx
    xor %edx, %edx
    wrmsr
    .endm

    lea entry(%rip), %rax
    or $(1 << 9) | (1 << 6), %rax
    wrmsr_eax 0x1d4
    mov $0x88000, %eax
    wrmsr_eax 0x1cc
    mov $0x8a000, %eax
    wrmsr_eax 0x1cd
    mov $0x8c000, %eax
    wrmsr_eax 0x1ce
    # #UD in ring 0 at stack level 2.
    mov $2 << 12, %eax
    wrmsr_eax 0x1d0
    mov $0xc0000081, %ecx
    xor %eax, %eax
    mov $0x00230010, %edx
    wrmsr
    mov %cr4, %rax
    bts $32, %rax
    mov %rax, %cr4

    # The interrupt controller: IRQ 0 is vector 0x20, all others are masked. The timer: every 24 ticks.
    mov $0x11, %al
    out %al, $0x20
    mov $0x20, %al
    out %al, $0x21
    mov $4, %al
    out %al, $0x21
    mov $1, %al
    out %al, $0x21
    mov $0xfe, %al
    out %al, $0x21
    mov $0x34, %al
    out %al, $0x43
    mov $24, %al
    out %al, $0x40
    mov $0, %al
    out %al, $0x40

    # To ring 3, with the frame of an event that never was.
    mov $0x88000, %esp
    push $0
    push $0
    push $USER_SS
    push $0x7f000
    push $0x202
    push $USER_CS
    lea user(%rip), %rax
    push %rax
    push $0
    eretu

    # Ring 3.
user:
    mov $0x1234, %ecx
    mov $0x5678, %r11d
    mov $500, %ebp
1:  syscall
    dec %ebp
    jnz 1b
    lea (%rcx, %r11), %rax
    mov %rax, KEPT

    mov $0x40001230, %eax
    mov (%rax), %rdx
    int3
2:  cmpq $4, INTERRUPTS
    jb 2b
2:  syscall
    cmpq $0, KERNEL_INTERRUPTS
    je 2b

    # Single steps over a system call.
    lea 3f(%rip), %rax
    mov %rax, EXPECTED
    lea 4f(%rip), %rax
    mov %rax, EXPECTED + 8
    lea 5f(%rip), %rax
    mov %rax, EXPECTED + 16
    lea 6f(%rip), %rax
    mov %rax, EXPECTED + 24
    pushf
    orl $0x100, (%rsp)
    popf
    nop
3:  syscall
4:  nop
5:  andl $0, %eax
6:  int $0x80

    # Event types and vectors in the high half of SS: vector, then type << 16.
    .balign 4096
entry:
    push %rax
    mov 8 + 44(%rsp), %eax
    and $0x000f00ff, %eax
    cmp $0x00070001, %eax
    je system_call
    cmp $0x00000020, %eax
    je interrupt
    cmp $0x0003000e, %eax
    je page_fault
    cmp $0x00030001, %eax
    je debug_exception
    cmp $0x00060003, %eax
    je breakpoint
    cmp $0x00040080, %eax
    je exit
    incq SURPRISES
    hlt

    .org entry + 256, 0xcc
kernel_entry:
    push %rax
    mov 8 + 44(%rsp), %eax
    and $0x000f00ff, %eax
    cmp $0x00000020, %eax
    je kernel_interrupt
    cmp $0x00030006, %eax
    jne 1f
    incq KERNEL_FAULTS
    addq $2, 8 + 8(%rsp)
    pop %rax
    erets
1:  incq SURPRISES
    hlt

system_call:
    incq SYSTEM_CALLS
    push %rcx
    call work
    pop %rcx
    pop %rax
    eretu

    # A fault in ring 0, and a window for interrupts.
work:
    ud2
    sti
    nop
    nop
    nop
    cli
    ret

interrupt:
    incq INTERRUPTS
    mov $0x20, %al
    out %al, $0x20
    pop %rax
    eretu

kernel_interrupt:
    incq KERNEL_INTERRUPTS
    mov $0x20, %al
    out %al, $0x20
    pop %rax
    erets

page_fault:
    incq PAGE_FAULTS
    mov 8 + 48(%rsp), %rax
    mov %rax, FAULT_ADDRESS
    addq $3, 8 + 8(%rsp)
    pop %rax
    eretu

breakpoint:
    incq BREAKPOINTS
    pop %rax
    eretu

debug_exception:
    push %rbx
    mov STEP_COUNT, %rax
    mov 16 + 8(%rsp), %rbx
    mov %rbx, STEPS(, %rax, 8)
    incq STEP_COUNT
    pop %rbx
    pop %rax
    eretu

exit:
    hlt
