# The 32-bit counterpart of qemu-guest.S: protected mode with 32-bit paging, TSS stacks, call gates, task switches.
# A report is one line on COM1.

        .include "qemu-guest.inc"

        .text
        .code32
        MULTIBOOT start

start:
        mov     $kernel_stack_top, %esp
        MASK_8259
        mov     $gdt, %edi              # descriptors of the TSSs, the LDT and the gates get their addresses
        mov     $tss, %eax
        mov     $0x28, %ecx
        call    set_base
        mov     $task, %eax
        mov     $0x60, %ecx
        call    set_base
        mov     $ldt, %eax
        mov     $0x58, %ecx
        call    set_base
        mov     $gate_target, %eax
        mov     %ax, gdt + 0x50
        shr     $16, %eax
        mov     %ax, gdt + 0x56
        lgdt    gdtr
        ljmp    $0x08, $1f
1:
        LOAD_SEGMENTS 0x10, kernel_stack_top, %esp
        FILL_IDT_32 256, 0x8e00
        movb    $0xee, idt + 8 * 0x80 + 5
        movb    $0xef, idt + 8 * 0x81 + 5
        movb    $0x0e, idt + 8 * 0x82 + 5
        movb    $0x8c, idt + 8 * 0x83 + 5
        movw    $0x10, idt + 8 * 0x84 + 2
        movw    $0, idt + 8 * 0x85 + 2
        movw    $0x70, idt + 8 * 0x86 + 2
        lidt    idtr
        mov     $0x28, %eax
        ltr     %ax
        movl    $kernel_stack_top, tss + 4
        movl    $0x10, tss + 8
        movw    $0x68, tss + 102
        # 32-bit paging: 4 MiB pages, and a table for 4 to 8 MiB.
        mov     $directory, %edi
        movl    $0x87, (%edi)
        mov     $table + 7, %eax
        mov     %eax, 4(%edi)
        mov     $table, %edi
        movl    $0x180007, (%edi)
        movl    $0x181003, 4(%edi)
        movl    $0x182005, 8(%edi)
        mov     $directory, %eax
        mov     %eax, %cr3
        mov     $0x10, %eax
        mov     %eax, %cr4
        mov     $0x80010033, %eax
        mov     %eax, %cr0
        jmp     cases

set_base:                               # base EAX into the descriptor at EDI + ECX
        mov     %ax, 2(%edi, %ecx)
        shr     $16, %eax
        mov     %al, 4(%edi, %ecx)
        mov     %ah, 7(%edi, %ecx)
        ret

        .macro CASE n
        mov     $kernel_stack_top, %esp
        movl    $40, debug_budget
        movl    $998f, resume
        movl    $999f, case_start
        mov     $0x\n, %eax
        call    print_case
        pushl   $2
        popfl
999:
        .endm
        .macro END
        jmp     998f
998:
        .endm
        .macro SHOW operand
        push    %eax
        mov     \operand, %eax
        call    print_value
        pop     %eax
        .endm
        .macro USER flags, target, cs=0x1b
        pushl   $0x23
        pushl   $user_stack_top
        pushl   $\flags
        pushl   $\cs
        pushl   $\target
        iretl
        .endm

print_char:
        push    %edx
        mov     $0x3f8, %edx
        out     %al, %dx
        pop     %edx
        ret
print_hex:
        push    %eax
        push    %ecx
        push    %edx
        mov     %eax, %edx
        mov     $28, %ecx
1:      mov     %edx, %eax
        shr     %cl, %eax
        jnz     2f
        sub     $4, %ecx
        jnz     1b
2:      mov     %edx, %eax
        shr     %cl, %eax
        and     $15, %eax
        cmp     $10, %al
        jb      3f
        add     $39, %al
3:      add     $48, %al
        call    print_char
        sub     $4, %ecx
        jns     2b
        pop     %edx
        pop     %ecx
        pop     %eax
        ret
print_value:
        push    %eax
        mov     $'=', %al
        call    print_char
        pop     %eax
        jmp     print_hex
print_field:
        push    %eax
        mov     $' ', %al
        call    print_char
        pop     %eax
        jmp     print_hex
print_case:
        push    %eax
        mov     $10, %al
        call    print_char
        pop     %eax
        call    print_hex
        mov     $':', %al
        jmp     print_char

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

report:
        cld
        push    %eax
        mov     $0x10, %eax
        mov     %ds, %edx
        mov     %eax, %ds
        mov     %edx, saved_ds
        cmpl    $1, 4(%esp)
        je      report_debug
        mov     $' ', %al
        call    print_char
        mov     $'V', %al
        call    print_char
        mov     4(%esp), %eax
        call    print_hex
        mov     8(%esp), %eax
        call    print_field
        mov     12(%esp), %eax
        sub     case_start, %eax
        call    print_field
        movzwl  16(%esp), %eax
        call    print_field
        mov     20(%esp), %eax
        and     $~0x108d5, %eax
        call    print_field
        testl   $3, 16(%esp)
        jz      1f
        mov     24(%esp), %eax
        call    print_field
        mov     28(%esp), %eax
        call    print_field
1:      mov     %esp, %eax
        and     $0xfff, %eax
        call    print_field
        mov     %ss, %eax
        call    print_field
        movzwl  saved_ds, %eax
        call    print_field
        cmpl    $14, 4(%esp)
        jne     1f
        mov     %cr2, %eax
        call    print_field
1:      jmp     recover

report_debug:
        mov     $' ', %al
        call    print_char
        mov     $'D', %al
        call    print_char
        mov     %dr6, %eax
        call    print_hex
        mov     $0xffff0ff0, %eax
        mov     %eax, %dr6
        mov     12(%esp), %eax
        sub     case_start, %eax
        call    print_field
        decl    debug_budget
        js      recover
        pop     %eax
        add     $8, %esp
        iretl

recover:
        mov     $0x10, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        mov     $kernel_stack_top, %esp
        jmp     *resume

gate_target:                            # of the call gate with two parameters
        mov     %cs, %eax
        SHOW    %eax
        mov     %ss, %eax
        SHOW    %eax
        SHOW    4(%esp)
        SHOW    8(%esp)
        SHOW    12(%esp)
        mov     %esp, %eax
        and     $0xfff, %eax
        SHOW    %eax
        lret    $8

task_start:                             # of the other task: where it came from, and back
        mov     %eax, %ebx
        SHOW    %ebx
        pushfl
        pop     %eax
        and     $~0x8d5, %eax
        SHOW    %eax
        str     %eax
        SHOW    %eax
        mov     %cr0, %eax
        SHOW    %eax
        movzwl  task, %eax
        SHOW    %eax
        clts
        iretl
        SHOW    $0xbad
        jmp     *resume

cases:
        CASE    1
        ud2
        END
        CASE    2
        int     $0x80
        END
        CASE    3
        pushl   $0x202
        popfl
        int     $0x81
        END
        CASE    4
        int     $0x82
        END
        CASE    5
        int     $0x83
        END
        CASE    6
        int     $0x84
        END
        CASE    7
        int     $0x85
        END
        CASE    8
        int     $0x86
        END
        CASE    9
        lidt    short_idtr
        int     $0x30
        END
        lidt    idtr
        CASE    a
        mov     0x400000, %eax
        mov     0xc00000, %eax
        END
        CASE    b
        movl    $1, 0xc00000
        END
        CASE    c
        movl    $1, 0x402000
        END
        CASE    d
        mov     %fs:0, %eax
        END
        CASE    e
        mov     $0x38, %eax
        mov     %eax, %ds
        mov     0xfffc, %eax
        mov     0xfffd, %eax
        END
        CASE    f
        mov     $0x40, %eax
        mov     %eax, %ds
        mov     0x1000, %eax
        mov     0xffc, %eax
        END
        CASE    11
        movl    $1, %cs:saved
        END
        CASE    12
        mov     $0x48, %eax
        mov     %eax, %ds
        mov     saved, %eax
        movl    $1, saved
        END
        CASE    13
        movb    $0x0e, idt + 8 * 14 + 5
        mov     0xc00000, %eax
        END
        movb    $0x8e, idt + 8 * 14 + 5

        .macro LOADS n, selector
        CASE    \n\()0
        mov     $\selector, %eax
        mov     %eax, %es
        SHOW    $1
        END
        CASE    \n\()1
        mov     $\selector, %eax
        mov     %eax, %ss
        mov     $0x10, %eax
        mov     %eax, %ss
        SHOW    $1
        END
        CASE    \n\()2
        mov     $\selector, %ebx
        lar     %ebx, %eax
        jnz     1f
        SHOW    %eax
1:      lsl     %ebx, %eax
        jnz     1f
        SHOW    %eax
1:      verr    %bx
        jnz     1f
        SHOW    $2
1:      verw    %bx
        jnz     1f
        SHOW    $3
1:      END
        .endm
        LOADS   20, 0
        LOADS   21, 3
        LOADS   22, 0x08
        LOADS   23, 0x10
        LOADS   24, 0x1b
        LOADS   25, 0x23
        LOADS   26, 0x20
        LOADS   27, 0x28
        LOADS   28, 0x38
        LOADS   29, 0x40
        LOADS   2a, 0x48
        LOADS   2b, 0x50
        LOADS   2c, 0x58
        LOADS   2d, 0x68
        LOADS   2e, 0x70
        LOADS   2f, 0x78
        LOADS   30, 0x200
        CASE    31
        mov     $0x58, %eax
        lldt    %ax
        mov     $0x0c, %eax
        mov     %eax, %es
        sldt    %eax
        SHOW    %eax
        mov     $0x14, %eax
        mov     %eax, %es
        END

        .macro TRANSFER n, selector
        CASE    \n\()0
        pushl   $\selector
        pushl   $far_ok
        lretl
        END
        CASE    \n\()1
        pushl   $2
        pushl   $\selector
        pushl   $far_ok
        iretl
        END
        CASE    \n\()2
        ljmp    $\selector, $far_ok
        END
        CASE    \n\()3
        lcall   $\selector, $far_ok
        END
        .endm
        jmp     1f
far_ok: mov     %cs, %eax
        SHOW    %eax
        mov     %esp, %eax
        and     $0xfff, %eax
        SHOW    %eax
        jmp     *resume
1:
        TRANSFER 40, 0
        TRANSFER 41, 0x08
        TRANSFER 42, 0x09
        TRANSFER 43, 0x10
        TRANSFER 44, 0x18
        TRANSFER 45, 0x70
        TRANSFER 46, 0x30
        TRANSFER 47, 0x200
        TRANSFER 48, 0x78

        .macro RETURN n, cs, ss
        CASE    \n
        pushl   $\ss
        pushl   $user_stack_top
        pushl   $0x202
        pushl   $\cs
        pushl   $user_ok
        iretl
        END
        .endm
        jmp     1f
user_ok:
        int     $0x80
1:
        RETURN  50, 0x1b, 0x23
        RETURN  51, 0x1b, 0x20
        RETURN  52, 0x1b, 0x10
        RETURN  53, 0x1b, 0
        RETURN  54, 0x1b, 3
        RETURN  55, 0x33, 0x23
        RETURN  56, 0x1b, 0x6b

        .macro RING3 n:req, body:vararg
        CASE    \n
        USER    0x202, 1f
1:      mov     $0x23, %eax
        mov     %eax, %ds
        \body
        int     $0x80
        END
        .endm
        RING3   60, cli
        RING3   61, hlt
        RING3   62, mov %cr0, %eax
        RING3   63, in $0x80, %al
        RING3   64, int $0x20
        RING3   65, int3
        RING3   66, mov 0x401000, %eax
        RING3   67, movl $1, 0x401000
        RING3   68, movl $1, 0x402000
        CASE    69
        USER    0x202, 1f
1:      mov     $0x10, %eax
        mov     %eax, %es
        END
        RING3   6a, lgdt gdtr
        RING3   6b, int $0x81
        CASE    6c
        USER    0x202, 1f
1:      pushl   $0x3ed5
        popfl
        int     $0x80
        END
        RING3   6d, syscall
        RING3   6e, sysenter
        RING3   6f, sysexit
        CASE    70
        USER    0x202, 1f
1:      int     $0x81
        END
# Call gate with two parameters: from ring 3, and at the same level.
        CASE    80
        USER    0x202, 1f
1:      push    $0x1111
        push    $0x2222
        lcall   $0x53, $0
        int     $0x80
        END
        CASE    81
        push    $0x1111
        push    $0x2222
        lcall   $0x50, $0
        SHOW    %esp
        END

# SYSENTER and SYSEXIT.
        CASE    90
        mov     $0x174, %ecx
        mov     $0x08, %eax
        xor     %edx, %edx
        wrmsr
        mov     $0x175, %ecx
        mov     $kernel_stack_top - 0x100, %eax
        wrmsr
        mov     $0x176, %ecx
        mov     $sysenter_entry, %eax
        wrmsr
        USER    0x202, 1f
1:      mov     $user_stack_top, %ecx
        mov     $2f, %edx
        sysenter
2:      mov     %esp, %eax
        int     $0x80
        END
        jmp     1f
sysenter_entry:
        push    %ecx
        mov     %cs, %eax
        SHOW    %eax
        mov     %ss, %eax
        SHOW    %eax
        pushfl
        pop     %eax
        and     $0x200, %eax
        SHOW    %eax
        pop     %ecx
        sysexit
1:

# Task switches.
        .macro TASK n, instruction:vararg
        CASE    \n
        movb    $0x89, gdt + 0x65
        movl    $task_start, task + 32
        movl    $0x2, task + 36
        movl    $0x7777, task + 40
        movl    $task_stack_top, task + 56
        movl    $directory, task + 28
        movl    $directory, tss + 28
        movl    $0x10, task + 72
        movl    $0x08, task + 76
        movl    $0x10, task + 80
        movl    $0x10, task + 84
        movl    $0x10, task + 88
        movl    $0, task + 92
        mov     $0x4321, %ebx
        \instruction
        SHOW    %ebx
        pushfl
        pop     %eax
        and     $~0x8d5, %eax
        SHOW    %eax
        str     %eax
        SHOW    %eax
        movzbl  gdt + 0x2d, %eax
        SHOW    %eax
        movzbl  gdt + 0x65, %eax
        SHOW    %eax
        END
        .endm
        TASK    a0, lcall $0x60, $0
        TASK    a1, lcall $0x80, $0
        CASE    a3
        lcall   $0x28, $0
        END
        CASE    a4
        lcall   $0x88, $0
        END

# Single step.
        CASE    b0
        pushl   $0x102
        popfl
        nop
        push    %eax
        int     $0x80
        END
        CASE    b1
        pushl   $0x102
        popfl
        mov     $0x10, %eax
        nop
        pushl   $2
        popfl
        nop
        END

        mov     $10, %al
        call    print_char
        mov     $0xf4, %edx
        mov     $0x10, %eax
        out     %eax, %dx
1:      hlt
        jmp     1b

        .data
        .align  8
gdt:    .quad   0
        .quad   0x00cf9b000000ffff      # 08: code
        .quad   0x00cf93000000ffff      # 10: data
        .quad   0x00cffb000000ffff      # 18: code, ring 3
        .quad   0x00cff3000000ffff      # 20: data, ring 3
        .quad   0x0000890000000067      # 28: TSS
        .quad   0x00cf9f000000ffff      # 30: conforming code
        .quad   0x004093000000ffff      # 38: data of 64 KiB
        .quad   0x0040970000000fff      # 40: expand-down data from 1000
        .quad   0x00cf91000000ffff      # 48: read-only data
        .quad   0x0000ec0200080000      # 50: call gate, ring 3, two parameters
        .quad   0x000082000000000f      # 58: LDT
        .quad   0x0000890000000067      # 60: TSS of the other task
        .quad   0x00cf13000000ffff      # 68: data, not present
        .quad   0x00cf1b000000ffff      # 70: code, not present
        .quad   0x00cf99000000ffff      # 78: execute-only code
        .quad   0x0000850000600000      # 80: task gate
        .quad   0x0000050000600000      # 88: task gate, not present
gdt_end:
gdtr:   .word   gdt_end - gdt - 1
        .long   gdt
idtr:   .word   256 * 8 - 1
        .long   idt
short_idtr:
        .word   0x20 * 8 - 1
        .long   idt
        .align  8
ldt:    .quad   0, 0x00cf93000000ffff
resume: .long   0
case_start:
        .long   0
debug_budget:
        .long   0
saved:  .long   0
saved_ds:
        .long   0
        .align  16
tss:    .skip   0x68
        .align  16
task:   .skip   0x68

        .bss
        .align  4096
directory:
        .skip   4096
table:  .skip   4096
idt:    .skip   4096
        .skip   4096
kernel_stack_top:
        .skip   4096
task_stack_top:
        .skip   4096
user_stack_top:
        .align  4096
bss_end:
