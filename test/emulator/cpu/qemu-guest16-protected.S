# The second half of qemu-guest16.S: virtual-8086 mode and tasks, seen from protected mode.

protected:
        LOAD_SEGMENTS 0x10, kernel_stack_top, %esp
        FILL_IDT_32 256, 0x8e00
        movb    $0xee, idt + 8 * 3 + 5
        movb    $0xee, idt + 8 * 4 + 5
        movb    $0xee, idt + 8 * 0x80 + 5
        movb    $0xef, idt + 8 * 0x81 + 5
        movb    $0xee, idt + 8 * 0x83 + 5
        movw    $0x30, idt + 8 * 0x83 + 2       # conforming code
        movb    $0xee, idt + 8 * 0x84 + 5
        movw    $0x18, idt + 8 * 0x84 + 2       # code of ring 3
        movw    $0x60, idt + 8 * 0x90 + 2       # task gates
        movb    $0xe5, idt + 8 * 0x90 + 5
        movw    $0x60, idt + 8 * 0x91 + 2
        movb    $0x85, idt + 8 * 0x91 + 5
        movw    $0x10, idt + 8 * 0x92 + 2
        movb    $0xe5, idt + 8 * 0x92 + 5
        movw    $0x68, idt + 8 * 0x93 + 2
        movb    $0xe5, idt + 8 * 0x93 + 5
        movw    $0x60, idt + 8 * 0x94 + 2
        movb    $0x65, idt + 8 * 0x94 + 5
        movw    $0x2c, idt + 8 * 0x95 + 2
        movb    $0xe5, idt + 8 * 0x95 + 5
        lidt    idtr
        mov     $0x28, %eax
        ltr     %ax
        movl    $kernel_stack_top, tss + 4
        movl    $0x10, tss + 8
        movw    $0x68, tss + 102
        movb    $0x02, tss + 0x68 + 0x10        # port 81 is forbidden
        movb    $0xff, tss + 0x68 + 0x20        # the end of the map
        mov     $directory, %edi                # the first MiB by small pages
        mov     $table + 7, %eax
        mov     %eax, (%edi)
        mov     $table, %esi
        mov     $7, %eax
        mov     $1024, %ecx
1:      mov     %eax, (%esi)
        add     $4096, %eax
        add     $4, %esi
        loop    1b
        andl    $~4, table + 4 * 0x50           # 50000: supervisor
        andl    $~1, table + 4 * 0x51           # 51000: not present
        andl    $~2, table + 4 * 0x52           # 52000: read-only
        mov     $directory, %eax
        mov     %eax, %cr3
        mov     $0x80010033, %eax
        mov     %eax, %cr0
        jmp     cases

print_char:
        push    %edx
        mov     $0x3f8, %edx
        out     %al, %dx
        pop     %edx
        ret
print_hex:
        .ifdef  LOCKSTEP
        ret
        .endif
        pushal
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
        popal
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

report:                                 # vector, error code, EIP, CS, EFLAGS, ESP, SS, ES, DS, FS, GS
        cld
        mov     %esp, %ebp
        pushl   %gs
        pushl   %fs
        pushl   %es
        pushl   %ds
        mov     $0x10, %edx
        mov     %edx, %ds
        push    %eax
        mov     $' ', %al
        call    print_char
        mov     $'V', %al
        call    print_char
        mov     (%ebp), %eax
        call    print_hex
        mov     4(%ebp), %eax
        call    print_field
        mov     8(%ebp), %eax
        sub     case_start, %eax
        call    print_field
        movzwl  12(%ebp), %eax
        call    print_field
        mov     $~(0x10000 | STATUS), %eax      # QEMU does not set RF in the image of a fault
        and     16(%ebp), %eax
        call    print_field
        pop     %eax
        call    print_field
        testl   $0x20000, 16(%ebp)
        jz      1f
        mov     $5, %ecx
        lea     20(%ebp), %esi
2:      mov     (%esi), %eax
        call    print_field
        add     $4, %esi
        loop    2b
        mov     (%esi), %eax
        call    print_field
        mov     $4, %ecx
2:      pop     %eax
        call    print_field
        loop    2b
1:      mov     %ebp, %eax
        and     $0xfff, %eax
        call    print_field
        mov     %ss, %eax
        call    print_field
        xor     %eax, %eax
        str     %ax
        call    print_field
        cmpl    $14, (%ebp)
        jne     1f
        mov     %cr2, %eax
        call    print_field
1:      cmpl    $1, (%ebp)
        jne     recover
        decl    debug_budget
        js      recover
        lea     8(%ebp), %esp
        iretl

recover:                                # whatever task this is: back to the first one
        pushl   $2
        popfl
        clts
        mov     $0x10, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        mov     $kernel_stack_top, %esp
        movb    $0x89, gdt + 0x2d
        mov     $0x28, %eax
        ltr     %ax
        jmp     *resume

        .macro  CASE n
        mov     $kernel_stack_top, %esp
        movl    $4, debug_budget
        movl    $998f, resume
        movl    $999f, case_start
        mov     $10, %al
        call    print_char
        mov     $0x\n, %eax
        call    print_hex
        mov     $':', %al
        call    print_char
        xor     %eax, %eax
999:
        .endm
        .macro  END
        jmp     998f
998:
        .endm
        .macro  SHOW operand:vararg
        push    %eax
        mov     \operand, %eax
        call    print_value
        pop     %eax
        .endm

# One case at IOPL 0 (number n0) and one at IOPL 3 (n3).
        .macro  V86 n, body:req
        V86_IOPL \n\()0, 0x20202, "\body"
        V86_IOPL \n\()3, 0x23202, "\body"
        .endm
        .macro  V86_IOPL n, flags, body:req
        .pushsection .real
        .code16
997:    \body
        int3
        .popsection
        .code32
        CASE    \n
        movl    $997b - real, case_start
        pushl   $0x4004
        pushl   $0x4003
        pushl   $0x4002
        pushl   $0x4001
        pushl   $0x3000
        pushl   $0xabcd1000
        pushl   $\flags
        pushl   $REAL / 16
        pushl   $997b - real
        iretl
        END
        .endm

        .pushsection .real
        .code16
v86_far:
        lret    $4
v86_task:                               # of a virtual-8086 task
        pushfl
        pop     %eax
        and     $~STATUS, %eax
        int3
task16_start:                           # of a 16-bit task: where it came from, and back
        S       %eax
        S       %esp
        mov     %fs, %ax
        S       %eax
        pushfw
        xor     %eax, %eax
        pop     %ax
        and     $~STATUS, %ax
        S       %eax
        str     %eax
        S       %eax
        clts
        iret
        .popsection
        .code32

task_start:
        SHOW    %eax
        SHOW    %esp
        cmpl    $task_stack_top, %esp
        je      1f
        pop     %eax
        SHOW    %eax
1:      pushfl
        pop     %eax
        and     $~STATUS, %eax
        SHOW    %eax
        str     %eax
        SHOW    %eax
        movzwl  task, %eax
        SHOW    %eax
        SHOW    tss + 36
        mov     tss + 32, %eax
        sub     case_start, %eax
        SHOW    %eax
        clts
        push    resume
        pop     tss + 32
        iretl

cases:
        V86     10, "nop"
        V86     11, "cli"
        V86     12, "sti"
        V86     13, "pushfw"
        V86     14, "pushfl; pop %eax"
        V86     15, "pushw $0x7fd7; popfw"
        V86     16, "pushl $0x3f7ed7; popfl; pushfl; pop %eax"
        V86     17, "int $0x80"
        V86     18, "int $0x40"
        V86     19, "int $0x83"
        V86     1a, "int $0x84"
        V86     1b, "int $0x81"
        V86     1c, "pushw $0x7202; pushw %cs; pushw $1f - real; iret; 1: nop"
        V86     1d, "pushl $0x3f7202; pushl $0x1000; pushl $1f - real; iretl; 1: pushfl; pop %eax"
        V86     1e, "hlt"
        V86     1f, "in $0x80, %al; mov $0, %al"
        V86     20, "in $0x81, %al"
        V86     21, "in $0x80, %ax"
        V86     22, "mov %cr0, %eax"
        V86     23, "lgdtl %ds:0"
        V86     24, "lar %ax, %ax"
        V86     25, "arpl %ax, %bx"
        V86     26, "sldt %ax"
        V86     27, "lcall $0x1000, $v86_far - real"
        V86     28, "mov $0x2345, %ax; mov %ax, %ds; mov %ax, %es; mov %ax, %fs; mov %ax, %gs; mov %ax, %ss"
        .ifndef LOCKSTEP
        V86     29, "mov %ds:0xffff, %ax"
        .endif
        V86     2a, ".byte 0xc5, 0xf8, 0x77"
        V86     2b, "mov $0x5000, %ax; mov %ax, %ds; mov %ds:0x10, %ax"
        V86     2c, "mov $0x5100, %ax; mov %ax, %ds; mov %ds:0x10, %ax"
        V86     2d, "mov $0x5200, %ax; mov %ax, %ds; mov %ds:0x10, %ax; mov %ax, %ds:0x10"
        V86     2e, "clts"
        V86     2f, "mov $0x7fff, %ax; inc %ax; into"
        .ifndef LOCKSTEP
        V86     30, "int1"
        .endif
        V86     31, "ud2"
        V86     32, "xor %cx, %cx; div %cx"
        V86     33, "smsw %ax; and $1, %eax"
        V86     34, "ljmp $0x0fff, $1f - real + 0x10; 1: nop"
        V86     35, "wrmsr"
        V86     36, "ltr %ax"
        mov     %cr4, %eax              # UMIP
        or      $0x800, %eax
        mov     %eax, %cr4
        V86     38, "smsw %ax"
        V86     39, "sgdtl %ds:0"
        V86     3a, "sidtl %ds:0"
        V86     3b, "sldt %ax"
        V86     3c, "str %ax"
        mov     %cr4, %eax
        and     $~0x800, %eax
        mov     %eax, %cr4
        V86     37, "movb $0x90, %cs:0xf000; mov %cs:0xf000, %al"
        V86_IOPL 401, 0x20302, "nop; mov $0x3000, %cx; mov %cx, %ss; nop"
# The timer interrupts; IRQ 0 has vector 20 and ticks since case 2c.
        .ifndef LOCKSTEP
        mov     $0xfe, %al
        out     %al, $0x21
        V86_IOPL 402, 0x20202, "1: jmp 1b"
        mov     $0xff, %al
        out     %al, $0x21
        mov     $0x20, %al
        out     %al, $0x20
        .endif
# Through a 16-bit gate: a frame of words, looked at as words.
        CASE    50
        movb    $0xe6, idt + 8 * 0x85 + 5
        movw    $0x38, idt + 8 * 0x85 + 2
        movw    $gate16 - real, idt + 8 * 0x85
        movw    $0, idt + 8 * 0x85 + 6
        pushl   $0x4004
        pushl   $0x4003
        pushl   $0x4002
        pushl   $0x4001
        pushl   $0x3000
        pushl   $0xabcd1000
        pushl   $0x23202
        pushl   $REAL / 16
        pushl   $997f - real
        iretl
        END
        .pushsection .real
        .code16
997:    int     $0x85
gate16: mov     $10, %cx
1:      pop     %ax
        movzwl  %ax, %eax
        cmp     $9, %cx
        jne     2f
        S       $2
2:      S       %eax
        loop    1b
        ljmpl   $0x08, $recover
        .popsection
        .code32

# Tasks.
        .macro  TASK_SET tss_eip, flags, cs, ss, ds
        movb    $0x89, gdt + 0x65
        movl    $\tss_eip, task + 32
        movl    $\flags, task + 36
        movl    $0x7777, task + 40
        movl    $task_stack_top, task + 56
        movl    $directory, task + 28
        movl    $directory, tss + 28
        movl    $\ds, task + 72
        movl    $\cs, task + 76
        movl    $\ss, task + 80
        movl    $\ds, task + 84
        movl    $\ds, task + 88
        movl    $\ds, task + 92
        movl    $kernel_stack_top, task + 4
        movl    $0x10, task + 8
        movl    $0, task + 96
        .endm
        .macro  TASK n, instruction:req
        CASE    \n
        TASK_SET task_start, 2, 0x08, 0x10, 0x10
        \instruction
        SHOW    $1
        END
        CASE    \n\()9
        movzbl  gdt + 0x2d, %eax
        SHOW    %eax
        movzbl  gdt + 0x65, %eax
        SHOW    %eax
        str     %eax
        SHOW    %eax
        pushfl
        pop     %eax
        and     $~STATUS, %eax
        SHOW    %eax
        SHOW    %cr0
        clts
        movb    $0x8b, gdt + 0x2d
        END
        .endm
        TASK    60, "int $0x90"
        TASK    61, "int $0x91"
        TASK    62, "int $0x92"
        TASK    63, "int $0x94"
        .ifndef LOCKSTEP
        TASK    64, "int $0x95"
        .endif
        movw    $0x60, idt + 8 * 6 + 2
        movb    $0x85, idt + 8 * 6 + 5
        .ifndef LOCKSTEP
        TASK    65, "ud2"
        .endif
        movw    $0x08, idt + 8 * 6 + 2
        movb    $0x8e, idt + 8 * 6 + 5
        movw    $0x60, idt + 8 * 13 + 2
        movb    $0x85, idt + 8 * 13 + 5
        TASK    66, "mov $0x70, %eax; mov %eax, %es; mov $0x200, %eax; mov %eax, %es"
        movw    $0x08, idt + 8 * 13 + 2
        movb    $0x8e, idt + 8 * 13 + 5

# What a task switch finds wrong: the exceptions have tasks of their own, since the stack may be unusable.
        .macro  RESCUE vector, index
        movl    $rescue + 0x68 * \index, %eax
        mov     $gdt, %edi
        mov     $0x80 + 8 * \index, %ecx
        call    set_base
        movl    $rescue\vector, rescue + 0x68 * \index + 32
        movl    $2, rescue + 0x68 * \index + 36
        movl    $task_stack_top - 0x100, rescue + 0x68 * \index + 56
        movl    $directory, rescue + 0x68 * \index + 28
        movl    $0x10, rescue + 0x68 * \index + 72
        movl    $0x08, rescue + 0x68 * \index + 76
        movl    $0x10, rescue + 0x68 * \index + 80
        movl    $0x10, rescue + 0x68 * \index + 84
        movw    $0x80 + 8 * \index, idt + 8 * \vector + 2
        movb    $0x85, idt + 8 * \vector + 5
        jmp     1f
rescue\vector:
        movl    $rescue + 0x68 * \index, %esi
        mov     $\vector, %eax
        jmp     rescued
1:
        .endm
        RESCUE  10, 0
        RESCUE  11, 1
        RESCUE  12, 2
        RESCUE  13, 3
        jmp     1f
rescued:
        mov     %eax, %ebx
        mov     $' ', %al
        call    print_char
        mov     $'T', %al
        call    print_char
        mov     %ebx, %eax
        call    print_hex
        pop     %eax
        call    print_field
        movzwl  (%esi), %eax
        call    print_field
        movzbl  gdt + 0x2d, %eax
        call    print_field
        movzbl  gdt + 0x65, %eax
        call    print_field
        jmp     recover
1:
        .macro  BAD n, offset, value, prepare
        CASE    \n
        TASK_SET task_start, 2, 0x08, 0x10, 0x10
        movl    $\value, task + \offset
        .irp    rescue, 0x85, 0x8d, 0x95, 0x9d
        movb    $0x89, gdt + \rescue
        .endr
        \prepare
        ljmp    $0x60, $0
        END
        .endm
        BAD     70, 76, 0
        BAD     71, 76, 0x10
        BAD     72, 76, 0x1b
        BAD     73, 76, 0x70
        BAD     74, 76, 0x200
        BAD     75, 80, 0
        BAD     76, 80, 0x20
        BAD     77, 80, 0x13
        .ifndef LOCKSTEP
        BAD     78, 80, 0x78
        .endif
        BAD     79, 84, 0x70
        BAD     7a, 84, 0x78
        BAD     7b, 84, 0x200
        BAD     7c, 96, 0x10
        BAD     7d, 96, 0x200
        BAD     7e, 32, task_start, "movb $0x66, gdt + 0x60"
        BAD     7f, 32, task_start, "movb $0x67, gdt + 0x60; movb $0x09, gdt + 0x65"
        BAD     80, 32, task_start, "movb $0x8b, gdt + 0x65"

        .irp    vector, 10, 11, 12, 13
        movw    $0x08, idt + 8 * \vector + 2
        movb    $0x8e, idt + 8 * \vector + 5
        .endr
# A virtual-8086 task, by JMP, by CALL, and by a task gate.
        .macro  V86_TASK n, instruction:req
        CASE    \n
        TASK_SET v86_task-real, 0x23002, REAL/16, 0x3000, 0x4005
        movl    $0xabcd2000, task + 56
        movl    $v86_task - real, case_start
        \instruction
        END
        .endm
        V86_TASK 90, "ljmp $0x60, $0"
        V86_TASK 91, "lcall $0x60, $0"
        V86_TASK 92, "int $0x90"

# A 16-bit task.
        .macro  TASK16 n, instruction:req
        CASE    \n
        movb    $0x81, gdt + 0x6d
        movw    $task16_start - real, task16 + 14
        movw    $2, task16 + 16
        movw    $0x7777, task16 + 18
        movw    $0xe000, task16 + 26
        movw    $0x10, task16 + 34
        movw    $0x38, task16 + 36
        movw    $0x50, task16 + 38
        movw    $0x10, task16 + 40
        movw    $0, task16 + 42
        movl    $directory, tss + 28
        mov     $0x10, %eax
        mov     %eax, %fs
        \instruction
        movzwl  task16, %eax
        SHOW    %eax
        movzwl  task16 + 14, %eax
        sub     $task16_start - real, %eax
        SHOW    %eax
        movzwl  task16 + 16, %eax
        and     $~STATUS, %eax
        SHOW    %eax
        movzwl  task16 + 26, %eax
        SHOW    %eax
        movzbl  gdt + 0x2d, %eax
        SHOW    %eax
        movzbl  gdt + 0x6d, %eax
        SHOW    %eax
        pushfl
        pop     %eax
        and     $~STATUS, %eax
        SHOW    %eax
        SHOW    %esp
        mov     %fs, %eax
        SHOW    %eax
        END
        .endm
        TASK16  a0, "lcall $0x68, $0"
        TASK16  a1, "int $0x93"
        CASE    a2
        movb    $0x81, gdt + 0x6d
        movb    $0x2a, gdt + 0x68
        ljmp    $0x68, $0
        END
        movb    $0x2b, gdt + 0x68

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
        .quad   0x00008900000000ff      # 28: TSS
        .quad   0x00cf9f000000ffff      # 30: conforming code
        .quad   0x00009b010000ffff      # 38: 16-bit code at 10000
        .quad   0x000093010000ffff      # 40: 16-bit data at 10000
        .quad   0
        .quad   0x000093030000ffff      # 50: 16-bit data at 30000
        .quad   0
        .quad   0x0000890000000067      # 60: TSS of the other task
        .quad   0x000081000000002b      # 68: 16-bit TSS
        .quad   0x00cf1b000000ffff      # 70: code, not present
        .quad   0x00cf13000000ffff      # 78: data, not present
        .rept   4
        .quad   0x0000890000000067      # 80: TSSs of exception handlers
        .endr
gdt_end:
gdtr:   .word   gdt_end - gdt - 1
        .long   gdt
idtr:   .word   256 * 8 - 1
        .long   idt
real_idtr:
        .word   0x3ff
        .long   0
resume: .long   0
case_start:
        .long   0
debug_budget:
        .long   0
        .align  16
tss:    .skip   0x100
        .align  16
task:   .skip   0x68
task16: .skip   0x2c
rescue: .skip   4 * 0x68
        .section .real
real_end:

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
        .align  4096
bss_end:
