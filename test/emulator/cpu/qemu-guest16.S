# The 16-bit counterpart of qemu-guest.S: real-address mode, virtual-8086 mode, 16-bit tasks and task gates. A report is
# one line on COM1. The section .real is copied to 10000, where segment 1000 and selector 38 find it. With LOCKSTEP
# defined nothing is printed and the cases in which QEMU is known to differ are left out.

        .set    REAL, 0x10000
        .set    STATUS, 0x8d5

        .include "qemu-guest.inc"

        .text
        .code32
        MULTIBOOT start

start:
        mov     $kernel_stack_top, %esp
        MASK_8259
        mov     $gdt, %edi
        mov     $tss, %eax
        mov     $0x28, %ecx
        call    set_base
        mov     $task, %eax
        mov     $0x60, %ecx
        call    set_base
        mov     $task16, %eax
        mov     $0x68, %ecx
        call    set_base
        mov     $real, %esi
        mov     $REAL, %edi
        mov     $real_end - real, %ecx
        rep movsb
        xor     %edi, %edi              # the interrupt vectors of real-address mode
        mov     $stubs16 - real, %eax
1:      mov     %ax, (%edi)
        movw    $REAL / 16, 2(%edi)
        add     $8, %eax
        add     $4, %edi
        cmp     $0x400, %edi
        jne     1b
        movl    $0x600df00d, 0x200000
        lgdt    gdtr
        lidt    real_idtr
        jmp     enter_real

set_base:                               # base EAX into the descriptor at EDI + ECX
        mov     %ax, 2(%edi, %ecx)
        shr     $16, %eax
        mov     %al, 4(%edi, %ecx)
        mov     %ah, 7(%edi, %ecx)
        ret

enter_real:
        mov     $0x40, %eax             # 64 KiB of data
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        mov     %eax, %gs
        mov     $0x10, %eax             # 4 GiB
        mov     %eax, %fs
        ljmp    $0x38, $leave_protected - real

# ---------------------------------------------------------------------------------------------- real-address mode
        .section .real, "awx"
        .code16
real:
leave_protected:
        mov     %cr0, %eax
        and     $~1, %eax
        mov     %eax, %cr0
        ljmp    $REAL / 16, $real_cases - real

        .macro  REAL_SEGMENTS
        mov     $REAL / 16, %ax
        mov     %ax, %ds
        mov     %ax, %es
        mov     $0x3000, %ax
        mov     %ax, %ss
        mov     $0xf000, %esp
        .endm
        .macro  R n:req
        REAL_SEGMENTS
        movw    $998f - real, %ds:resume16 - real
        movw    $999f - real, %ds:start16 - real
        mov     $0x\n, %eax
        call    print_case16
        pushl   $2
        popfl
999:
        .endm
        .macro  E
        jmp     998f
998:
        .endm
        .macro  S operand:vararg
        push    %eax
        mov     \operand, %eax
        call    print_value16
        pop     %eax
        .endm

print_char16:
        push    %dx
        mov     $0x3f8, %dx
        out     %al, %dx
        pop     %dx
        ret
print_hex16:                            # EAX
        .ifdef  LOCKSTEP
        ret
        .endif
        pushal
        mov     %eax, %edx
        mov     $28, %cl
1:      mov     %edx, %eax
        shr     %cl, %eax
        jnz     2f
        sub     $4, %cl
        jnz     1b
2:      mov     %edx, %eax
        shr     %cl, %eax
        and     $15, %al
        cmp     $10, %al
        jb      3f
        add     $39, %al
3:      add     $48, %al
        call    print_char16
        sub     $4, %cl
        jns     2b
        popal
        ret
print_value16:
        push    %eax
        mov     $'=', %al
        call    print_char16
        pop     %eax
        jmp     print_hex16
print_field16:
        push    %eax
        mov     $' ', %al
        call    print_char16
        pop     %eax
        jmp     print_hex16
print_case16:
        push    %eax
        mov     $10, %al
        call    print_char16
        pop     %eax
        call    print_hex16
        mov     $':', %al
        jmp     print_char16

        .align  8
stubs16:
        .set    vector, 0
        .rept   256
        .align  8
        pushw   $vector
        jmp     report16
        .set    vector, vector + 1
        .endr

report16:                               # vector, IP, CS, FLAGS; the flags, SP and SS now
        pushfl
        pop     %ebx
        mov     %sp, %bp
        mov     $REAL / 16, %ax
        mov     %ax, %ds
        mov     $' ', %al
        call    print_char16
        mov     $'V', %al
        call    print_char16
        movzwl  (%bp), %eax
        call    print_hex16
        movzwl  2(%bp), %eax
        sub     %ds:start16 - real, %ax
        call    print_field16
        movzwl  4(%bp), %eax
        call    print_field16
        movzwl  6(%bp), %eax
        and     $~STATUS, %eax
        call    print_field16
        mov     %ebx, %eax
        and     $~STATUS, %eax
        call    print_field16
        movzwl  %bp, %eax
        call    print_field16
        mov     %ss, %eax
        call    print_field16
        cmpw    $1, (%bp)
        je      1f
        jmp     *%ds:resume16 - real
1:      decw    %ds:debug16 - real      # single step: go on, some times
        jns     2f
        andb    $~1, 7(%bp)
2:      add     $2, %sp
        iret

tick16: push    %ax
        incw    %cs:ticks16 - real
        mov     $0x20, %al
        out     %al, $0x20
        pop     %ax
        iret

resume16:
        .word   0
start16:
        .word   0
debug16:
        .word   5
ticks16:
        .word   0
far_vector:
        .long   0x20001234
far_target:
        .word   far_here - real, REAL / 16
table16:
        .skip   10
bounds: .word   2, 5

far_here:                               # of far calls with 16-bit operands
        S       %cs
        S       %esp
        mov     %sp, %bp
        S       (%bp)
        lret    $2
far_here32:
        S       %cs
        S       %esp
        lretl

real_cases:
        R       1
        ud2
        E
        R       2
        int     $0x40
        E
        R       3
        xor     %cx, %cx
        div     %cx
        E
        R       4
        pushl   $0x247202
        popfl
        int     $0x41
        E
        .ifndef LOCKSTEP
        R       5
        mov     %ds:0xffff, %al
        mov     %ds:0xffff, %ax
        E
        R       6
        mov     $0x10000, %eax
        mov     (%eax), %bl
        E
        R       7
        mov     %ss:0xffff, %ax
        E
        R       8
        mov     $0xffff, %si
        lodsw
        E
        .endif
        R       9
        push    %ax
        lcall   $REAL / 16, $far_here - real
        S       %esp
        push    %ax
        lcall   *%ds:far_target - real
        S       %esp
        E
        R       a
        lcalll  $REAL / 16, $far_here32 - real
        S       %esp
        E
        R       b
        pushw   $0x7ed7
        pushw   %cs
        pushw   $1f - real
        iret
1:      pushfl
        pop     %eax
        S       %eax
        pushl   $0x3f7ed7
        pushl   $REAL / 16
        pushl   $1f - real
        iretl
1:      pushfl
        pop     %eax
        S       %eax
        S       %esp
        E
        R       c
        pushl   $0x3f7e02
        popfl
        pushfl
        pop     %eax
        S       %eax
        pushw   $0x3202
        popfw
        pushfl
        pop     %eax
        S       %eax
        E
        .macro  UNDEFINED n, instruction:vararg
        R       \n
        \instruction
        S       $1
        E
        .endm
        UNDEFINED 10, lar %ax, %bx
        UNDEFINED 11, lsl %ax, %bx
        UNDEFINED 12, verr %ax
        UNDEFINED 13, arpl %ax, %bx
        UNDEFINED 14, sldt %ax
        UNDEFINED 15, str %ax
        UNDEFINED 16, lldt %ax
        UNDEFINED 17, ltr %ax
        UNDEFINED 18, .byte 0xc5, 0xf8, 0x77
        UNDEFINED 19, .byte 0xc4, 0xe2, 0x70, 0xf2, 0xc2
        UNDEFINED 1a, .byte 0x8e, 0xc8
        UNDEFINED 1b, .byte 0xf0, 0x90
        UNDEFINED 1c, sysenter
        UNDEFINED 1d, sysexit
        UNDEFINED 1e, syscall
        UNDEFINED 1f, int3
        R       20
        mov     $0x7fff, %ax
        inc     %ax
        into
        E
        R       21
        mov     $6, %ax
        bound   %ax, %ds:bounds - real
        E
        R       22
        pushw   $0x102
        popfw
        nop
        mov     $0x3000, %ax
        mov     %ax, %ss
        nop
        nop
        E
        R       23                      # strings wrap at 64 KiB
        mov     $0xfffe, %si
        mov     $0xfffd, %di
        mov     $0x4000, %ax
        mov     %ax, %ds
        mov     %ax, %es
        movb    $0x5a, %ds:1
        mov     $5, %cx
        rep movsb
        S       %esi
        S       %edi
        S       %ecx
        S       %ds:0
        E
        R       24
        mov     $0x12345678, %eax
        mov     $0xffff1000, %ebp
        mov     $0xabcdf000, %esp
        pusha
        S       %esp
        popa
        pushal
        S       %esp
        popal
        S       %esp
        enter   $8, $1
        S       %esp
        S       %ebp
        leave
        S       %esp
        S       %ebp
        push    $-2
        pop     %ax
        S       %eax
        pushl   $-2
        pop     %eax
        S       %eax
        mov     $0xf000, %esp
        E
        R       25
        calll   1f
        S       %esp
        jmp     2f
1:      S       (%esp)
        retl
2:      mov     $0x10002, %ecx
1:      loop    1b
        S       %ecx
        mov     $0x10000, %ecx
        jcxz    1f
        S       $0xbad
1:      jecxz 1f
        S       $1
1:      lea     0x10(%bx, %si), %eax
        lea     0x12345(%eax, %ecx, 4), %ebx
        sub     %eax, %ebx
        S       %ebx
        E
        R       26
        lds     %ds:far_vector - real, %si
        S       %ds
        S       %esi
        lss     %cs:far_vector - real, %sp
        S       %ss
        E
        R       27
        sgdtl   %ds:table16 - real
        S       %ds:table16 - real + 2
        lgdtw   %ds:table16 - real
        sidt    %ds:table16 - real
        S       %ds:table16 - real
        S       %ds:table16 - real + 2
        E
        R       28                      # big limits stay
        mov     $0x200000, %ebx
        S       %fs:(%ebx)
        mov     $0x1000, %ax
        mov     %ax, %fs
        S       %fs:-0x10000(%ebx)
        E
        R       29                      # the last vector the limit permits
        lidtl   %cs:short_idtr16 - real
        int     $0x1f
        E
        R       2a
        int     $0x20
        E
        lidtl   %cs:idtr16 - real
        R       2b                      # to protected mode and back
        mov     $1, %ax
        lmsw    %ax
        smsw    %eax
        and     $1, %eax
        S       %eax
        mov     $0x10, %ax
        mov     %ax, %gs
        ljmp    $0x38, $1f - real
1:      S       %cs
        str     %ax
        mov     %cr0, %eax
        and     $~1, %eax
        mov     %eax, %cr0
        ljmp    $REAL / 16, $1f - real
1:      S       %cs
        S       %gs:(%ebx)
        lmsw    %ax
        E
        .ifndef LOCKSTEP
        R       2c                      # HLT until the timer's second tick
        mov     $0x11, %al
        out     %al, $0x20
        mov     $0x20, %al
        out     %al, $0x21
        mov     $4, %al
        out     %al, $0x21
        mov     $1, %al
        out     %al, $0x21
        mov     $0xfe, %al
        out     %al, $0x21
        mov     $0x34, %al
        out     %al, $0x43
        mov     $0x20, %al
        out     %al, $0x40
        out     %al, $0x40
        xor     %ax, %ax
        mov     %ax, %es
        movw    $tick16 - real, %es:4 * 0x20
1:      sti
        hlt
        cli
        cmpw    $2, %ds:ticks16 - real
        jb      1b
        mov     $0xff, %al
        out     %al, $0x21
        S       %esp
        E
        .endif
        jmp     to_protected

short_idtr16:
        .word   0x7f
        .long   0
idtr16: .word   0x3ff
        .long   0

to_protected:
        cli
        mov     %cr0, %eax
        or      $1, %eax
        mov     %eax, %cr0
        ljmpl   $0x08, $protected

        .text
        .code32
        .include "qemu-guest16-protected.S"
