# What qemu-guest.S provokes, case by case; test/emulator/cpu/qemu.test.ts knows where QEMU is wrong.

# Exceptions with their error codes.
        CASE    1
        ud2
        END
        CASE    2
        mov     0x400000, %eax
        END
        CASE    3
        movl    $1, 0x400000
        END
        CASE    4
        movabs  $0x800000000000, %rbx
        mov     (%rbx), %eax
        END
        CASE    5
        movabs  $0x800000000000, %rsp
        push    %rax
        END
        CASE    6
        movabs  $0x7ffffffffffc, %rbx
        mov     (%rbx), %rax
        END
        CASE    7
        movl    $1, 0x202000
        END
        CASE    8
        mov     $0x203000, %eax
        jmp     *%rax
        END
        CASE    9
        mov     0x204000, %eax
        END
        CASE    a
        xor     %ecx, %ecx
        div     %ecx
        END
        CASE    b
        int     $0x81
        END
        CASE    c
        int     $0x82
        END
        CASE    d
        int     $0x83
        END
        CASE    e
        int     $0x84
        END
        CASE    f
        int     $0x85
        END
        CASE    10
        int     $0x86
        END
        CASE    11
        int     $0x87
        END
        CASE    12
        lidt    short_idtr
        int     $0x30
        END
        lidt    idtr
        CASE    13
        int     $0x88
        END
        CASE    14
        int     $0x89
        END
        CASE    15
        int     $0x8a
        END
        CASE    16
        int     $0x8b
        END
        CASE    17
        int3
        END
        CASE    18
        pushq   $0x40202
        popfq
        int     $0x90
        END
        CASE    19
        sub     $3, %rsp
        int     $0x90
        END
        CASE    1a
        mov     $0x200ffd, %ebx
        mov     (%rbx), %eax
        mov     $0x204ffe, %ebx
        mov     (%rbx), %eax
        END

# Double fault: #PF whose gate is not present; #GP whose gate is not present; #UD followed by #NP.
        CASE    20
        movb    $0x0e, idt + 16 * 14 + 5
        mov     0x400000, %eax
        END
        movb    $0x8e, idt + 16 * 14 + 5
        CASE    21
        movb    $0x0e, idt + 16 * 13 + 5
        mov     $0x50, %eax
        mov     %eax, %ds
        hlt
        END
        CASE    22
        movabs  $0x800000000000, %rbx
        mov     (%rbx), %eax
        END
        movb    $0x8e, idt + 16 * 13 + 5
        CASE    23
        movb    $0x0e, idt + 16 * 6 + 5
        ud2
        END
        movb    $0x8e, idt + 16 * 6 + 5

# Segment registers.
        .macro LOADS n, selector
        CASE    \n\()0
        mov     $\selector, %eax
        mov     %eax, %ds
        SHOW    $1
        END
        CASE    \n\()1
        mov     $\selector, %eax
        mov     %eax, %ss
        SHOW    $1
        END
        CASE    \n\()2
        mov     $\selector, %ebx
        lar     %ebx, %eax
        jnz     1f
        SHOW    %rax
1:      lsl     %ebx, %eax
        jnz     1f
        SHOW    %rax
1:      verr    %bx
        jnz     1f
        SHOW    $2
1:      verw    %bx
        jnz     1f
        SHOW    $3
1:      END
        .endm
        LOADS   30, 0
        LOADS   31, 1
        LOADS   32, 8
        LOADS   33, 0x10
        LOADS   34, 0x18
        LOADS   35, 0x19
        LOADS   36, 0x2b
        LOADS   37, 0x38
        LOADS   38, 0x3b
        LOADS   39, 0x40
        LOADS   3a, 0x50
        LOADS   3b, 0x68
        LOADS   3c, 0x70
        LOADS   3d, 0x80
        LOADS   3e, 0x90
        LOADS   3f, 0x1000
        LOADS   40, 0x0c
        CASE    41
        mov     $0x90, %eax
        lldt    %ax
        mov     $0x0c, %eax
        mov     %eax, %ds
        sldt    %eax
        SHOW    %rax
        mov     $0x14, %eax
        mov     %eax, %ds
        END
        CASE    42
        xor     %eax, %eax
        lldt    %ax
        mov     $0x0c, %eax
        mov     %eax, %ds
        END
        CASE    43
        mov     $0x18, %eax
        lldt    %ax
        END
        CASE    44
        mov     $0x40, %eax
        ltr     %ax
        END
        CASE    46
        mov     $0xa0, %eax
        mov     %eax, %es
        movzbl  gdt + 0xa5, %eax
        SHOW    %rax
        END

# Far transfers.
        .macro TRANSFER n, selector, offset
        CASE    \n\()0
        pushq   $\selector
        pushq   $\offset
        lretq
        END
        CASE    \n\()1
        pushq   $0x18
        pushq   $kernel_stack_top
        pushq   $2
        pushq   $\selector
        pushq   $\offset
        iretq
        END
        CASE    \n\()2
        movl    $\offset, saved
        movw    $\selector, saved + 4
        ljmp    *saved
        END
        CASE    \n\()3
        movl    $\offset, saved
        movw    $\selector, saved + 4
        lcall   *saved
        END
        .endm
        jmp     1f
far_ok: mov     %cs, %eax
        SHOW    %rax
        mov     %ss, %eax
        SHOW    %rax
        mov     %rsp, %rax
        and     $0xfff, %eax
        SHOW    %rax
        jmp     *resume
1:
        TRANSFER 50, 0, far_ok
        TRANSFER 51, 0x10, far_ok
        TRANSFER 52, 0x11, far_ok
        TRANSFER 53, 0x18, far_ok
        TRANSFER 54, 0x58, far_ok
        TRANSFER 55, 0x60, far_ok
        TRANSFER 56, 0x38, far_ok
        TRANSFER 57, 0x30, far_ok
        TRANSFER 58, 0x1000, far_ok
        TRANSFER 59, 0x40, far_ok
        CASE    5a
        pushq   $0x10
        movabs  $0x800000000000, %rax
        push    %rax
        lretq
        END
        .macro RETURN n, cs, ss
        CASE    \n
        pushq   $\ss
        pushq   $user_stack_top
        pushq   $0x202
        pushq   $\cs
        pushq   $user_report
        iretq
        END
        .endm
        RETURN  60, 0x33, 0x2b
        RETURN  61, 0x33, 0x28
        RETURN  62, 0x33, 0x1b
        RETURN  63, 0x33, 0
        RETURN  64, 0x33, 3
        RETURN  65, 0x30, 0x2b
        RETURN  66, 0x33, 0x53
        RETURN  67, 0x33, 0x6b
        RETURN  68, 0x10, 0
        RETURN  69, 0x10, 0x2b
        RETURN  6a, 0x3b, 0x2b
        RETURN  6b, 0x33, 0x33
        CASE    6c
        pushq   $0x4002
        popfq
        iretq
        END
        CASE    6d
        lcall   *call_gate_pointer
        SHOW    $1
        END
        CASE    6e
        USER    0x202, 1f
1:      lcall   *call_gate_pointer
        int     $0x80
        END
        jmp     after_far

user_report:                            # at any level: where, and with which selectors
        mov     %ds, %eax
        mov     %es, %ecx
        mov     %fs, %edx
        int     $0x80
call_gate_pointer:
        .long   0
        .word   0x83
after_far:

# Ring 3.
        .macro RING3 n:req, body:vararg
        CASE    \n
        USER    0x202, 1f
1:      \body
        int     $0x80
        END
        .endm
        RING3   70, cli
        RING3   71, sti
        RING3   72, hlt
        RING3   73, mov %cr0, %rax
        RING3   74, mov %rax, %dr0
        movw    $0x68, tss + 102
        RING3   75, in $0x80, %al
        RING3   76, int $0x20
        RING3   77, int3
        RING3   78, mov 0x201000, %eax
        RING3   79, movl $1, 0x201000
        RING3   7a, movl $1, 0x202000
        RING3   7b, lgdt gdtr
        RING3   7c, rdmsr
        RING3   7d, invlpg 0
        RING3   7e, clts
        RING3   7f, wbinvd
        RING3   80, swapgs
        RING3   81, sysretq
        RING3   82, mov 0x400000, %eax
        RING3   83, ltr %ax
        RING3   84, lmsw %ax
        RING3   85, ud2
        RING3   86, int $0x81
        RING3   87, movabs 0x800000000000, %al
        RING3   88, call 0x203000
        RING3   89, jmp 0x201000
        CASE    8a
        USER    0x202, 1f
1:      pushq   $0x3ed5
        popfq
        pushfq
        pop     %rax
        and     $~0x8d5, %eax
        mov     %rax, saved
        int     $0x80
        END
        SHOW    saved
        CASE    8b
        USER    0x3202, 1f
1:      pushq   $0x0
        popfq
        pushfq
        pop     %rax
        cli
        sti
        mov     %rax, saved
        int     $0x80
        END
        SHOW    saved
        CASE    8c
        USER    0x3202, 1f
1:      mov     $0x80, %edx
        in      %dx, %al
        int     $0x80
        END
        CASE    8d
        movw    $0x60, tss + 102
        USER    0x202, 1f
1:      in      $0x2, %al
        int     $0x80
        END
        CASE    8e
        movw    $0, tss + 102
        USER    0x202, 1f
1:      in      $0x2, %al
        in      $0x20, %al
        int     $0x80
        END
        movw    $0, tss + 102
        CASE    8f
        mov     $0x18, %eax
        mov     %eax, %ds
        mov     $0x2b, %eax
        mov     %eax, %es
        USER    0x202, 1f
1:      mov     %ds, %eax
        mov     %es, %ecx
        mov     %rax, saved
        mov     %rcx, saved + 8
        int     $0x80
        END
        SHOW    saved
        SHOW    saved + 8

# SYSCALL and SYSRET.
        CASE    90
        syscall
        END
        CASE    91
        mov     $0xc0000080, %ecx
        rdmsr
        or      $1, %eax
        wrmsr
        xor     %eax, %eax
        syscall
        END
        CASE    92
        USER    0x602, 1f
1:      xor     %eax, %eax
        stc
        syscall
        END
        CASE    93
        USER    0x202, 1f
1:      mov     $1, %eax
        syscall
        mov     %cs, %eax
        mov     %ss, %ecx
        mov     %rax, saved
        mov     %rcx, saved + 8
        int     $0x80
        END
        SHOW    saved
        SHOW    saved + 8
        CASE    94
        mov     $1f, %ecx
        mov     $0x10ad5, %r11d
        sysretq
1:      int     $0x80
        END
        CASE    95
        mov     $1f, %ecx
        mov     $0x202, %r11d
        sysretl
        .code32
1:      mov     %esp, %eax
        int     $0x80
        .code64
        END
        CASE    96
        USER    0x202, 1f, 0x23
        .code32
1:      push    %eax
        pushf
        lar     %eax, %ecx
        mov     %esp, %ebp
        int     $0x80
        .code64
        END
        CASE    97
        USER    0x202, 1f, 0x23
        .code32
1:      ljmp    $0x33, $2f
        .code64
2:      movabs  $0x1234567890, %rax
        int     $0x80
        END
        CASE    98
        USER    0x202, 1f, 0x23
        .code32
1:      mov     $0x400000, %ebx
        mov     %ss:(%ebx), %eax
        int     $0x80
        .code64
        END
        CASE    99
        USER    0x202, 1f, 0x23
        .code32
1:      mov     $0x83, %eax
        into
        bound   %eax, %ss:bounds
        int     $0x80
        .code64
        END
        jmp     1f
bounds: .long   0x80, 0x82
1:
        CASE    9a
        USER    0x202, 1f, 0x23
        .code32
1:      mov     %ss, %eax
        mov     %eax, %ds
        mov     $0x78 | 3, %eax
        mov     %eax, %es
        mov     $0xffffd, %ebx
        mov     %es:(%ebx), %eax
        mov     %eax, %ds:(%ebx)
        int     $0x80
        .code64
        END

# Control, debug and model-specific registers.
        .macro CONTROL n, register, value
        CASE    \n
        movabs  $\value, %rax
        mov     %rax, %\register
        mov     %\register, %rax
        SHOW    %rax
        END
        .endm
        CONTROL a7, cr8, 0x5
        CONTROL a8, cr8, 0x0
        CONTROL a9, dr6, 0
        CONTROL aa, dr7, 0x55
        CONTROL ab, dr7, 0x100000000
        CONTROL ac, dr7, 0x400
        CONTROL ad, cr0, 0x80010033
        CASE    ae
        mov     %cr4, %rax
        or      $8, %eax
        mov     %rax, %cr4
        mov     %dr4, %rax
        END
        mov     $0x20, %eax
        mov     %rax, %cr4
        CASE    af
        mov     $0x2400, %eax
        mov     %rax, %dr7
        movl    $0, debug_budget
        mov     %rax, %dr1
        END
        mov     $0x400, %eax
        mov     %rax, %dr7
        CASE    b0
        mov     $0xc0000080, %ecx
        mov     $0x800, %eax
        xor     %edx, %edx
        wrmsr
        END
        mov     $0xc0000080, %ecx
        mov     $0x901, %eax
        xor     %edx, %edx
        wrmsr
        CASE    b1
        mov     $0xc0000100, %ecx
        mov     $0x12345678, %eax
        mov     $0xffff8000, %edx
        wrmsr
        mov     %cr4, %rax
        rdmsr
        SHOW    %rax
        SHOW    %rdx
        swapgs
        swapgs
        END
        CASE    b2
        smsw    %rax
        SHOW    %rax
        str     %eax
        SHOW    %rax
        sub     $16, %rsp
        sgdt    (%rsp)
        movzwl  (%rsp), %eax
        SHOW    %rax
        END
        # What RDRAND and RDSEED make of the flags, and what they leave of the register.
        .macro  RANDOM instruction:req, shift:req
        mov     $-1, %rcx
        pushq   $0x8d7
        popfq
        \instruction
        pushfq
        pop     %rax
        SHOW    %rax
        mov     %rcx, %rax
        shr     $\shift, %rax
        SHOW    %rax
        .endm
        CASE    b3
        RANDOM  "rdrand %cx", 16
        RANDOM  "rdrand %ecx", 32
        RANDOM  "rdseed %cx", 16
        RANDOM  "rdseed %ecx", 32
        END

# Single step.
        .macro TRACE n:req
        CASE    \n
        pushq   $0x102
        popfq
        .endm
        TRACE   c0
        nop
        push    %rax
        pop     %rax
        pushq   $2
        popfq
        nop
        END
        TRACE   c1
        jmp     1f
        nop
1:      mov     $3, %ecx
        rep stosb
        pushq   $2
        popfq
        END
        CASE    c2
        pushq   $0x18
        pushq   $kernel_stack_top
        pushq   $0x102
        pushq   $0x10
        pushq   $1f
        iretq
1:      nop
        nop
        pushq   $2
        popfq
        END
        TRACE   c3
        int     $0x90
        END
        TRACE   c4
        syscall
        END
        CASE    c5
        USER    0x302, 1f
1:      nop
        xor     %eax, %eax
        syscall
        END
        CASE    c6
        mov     $1f, %ecx
        mov     $0x302, %r11d
        movl    $2, debug_budget
        sysretq
1:      nop
        nop
        int     $0x80
        END
        TRACE   c7
        ud2
        END
        TRACE   c8
        movl    $1, 0x400000
        END
        CASE    c9
        mov     $1f, %eax
        mov     %rax, %dr0
        mov     $0x401, %eax
        mov     %rax, %dr7
        movl    $0, debug_budget
        nop
1:      nop
        END
        CASE    ca
        mov     $saved, %eax
        mov     %rax, %dr1
        mov     $0xd00404, %eax
        mov     %rax, %dr7
        movl    $0, debug_budget
        mov     saved, %eax
        movb    $1, saved + 3
        nop
        END
        xor     %eax, %eax
        mov     %rax, %dr7
        CASE    cb
        .byte   0xf1
        nop
        END

# 8259A and 16550A.
        .macro OUTPUT port, value
        mov     $\value, %al
        out     %al, $\port
        .endm
        .macro SERIAL register
        mov     $0x3f8 + \register, %edx
        xor     %eax, %eax
        in      %dx, %al
        .endm
        CASE    e0
        OUTPUT  0x20, 0x11
        OUTPUT  0x21, 0x30
        OUTPUT  0x21, 0x04
        OUTPUT  0x21, 0x01
        OUTPUT  0xa0, 0x11
        OUTPUT  0xa1, 0x38
        OUTPUT  0xa1, 0x02
        OUTPUT  0xa1, 0x01
        OUTPUT  0x21, 0xef
        OUTPUT  0xa1, 0xff
        in      $0x21, %al
        movzbl  %al, %eax
        SHOW    %rax
        in      $0xa1, %al
        movzbl  %al, %eax
        SHOW    %rax
        OUTPUT  0x20, 0x0b
        in      $0x20, %al
        movzbl  %al, %eax
        SHOW    %rax
        END
        CASE    e1                      # the transmitter-empty interrupt of COM1 through IRQ 4
        mov     $0x3f8 + 4, %edx
        mov     $0x0b, %al
        out     %al, %dx
        mov     $0x3f8 + 1, %edx
        mov     $0x02, %al
        out     %al, %dx
        sti
        nop
        nop
        hlt
        END
        OUTPUT  0x20, 0x0b
        in      $0x20, %al
        movzbl  %al, %eax
        SHOW    %rax
        SERIAL  2
        SHOW    %rax
        OUTPUT  0x20, 0x20
        in      $0x20, %al
        movzbl  %al, %eax
        SHOW    %rax
        mov     $0x3f8 + 1, %edx
        xor     %eax, %eax
        out     %al, %dx
        CASE    e2
        SERIAL  2
        SHOW    %rax
        SERIAL  5
        SHOW    %rax
        SERIAL  6
        SHOW    %rax
        mov     $0x3f8 + 4, %edx
        mov     $0x10, %al
        out     %al, %dx
        SERIAL  6
        and     $0xf0, %eax             # without the delta bits, which QEMU leaves clear
        mov     %eax, %ecx
        mov     $0x3f8 + 4, %edx
        mov     $0x1f, %al
        out     %al, %dx
        SERIAL  6
        and     $0xf0, %eax
        mov     %eax, %ebx
        mov     $0x3f8 + 4, %edx
        mov     $0x0b, %al
        out     %al, %dx
        SHOW    %rcx
        SHOW    %rbx
        mov     $0x3f8 + 7, %edx
        mov     $0xa5, %al
        out     %al, %dx
        SERIAL  7
        SHOW    %rax
        END
