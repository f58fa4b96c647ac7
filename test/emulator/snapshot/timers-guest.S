# Runs for ever on the acpi platform, with every timer and interrupt source of the machine at work: 8254, real-time clock,
# local APIC, HPET, ACPI timer, serial port. What it computes depends on all of them, on RDTSC and on RDRAND, and goes to
# registers of every kind, to memory, to its own code and to the serial port. Data breakpoints trap, one of them after the
# instruction that follows MOV SS. With a 1 at `slow` the guest has the slow timers alone.
        .set    APIC, 0xfee00000
        .set    HPET, 0xfed00000
        .set    IO_INDEX, 0xfec00000
        .set    IO_DATA, 0xfec00010
        .set    RTC_INDEX, 0x70
        .set    COM1, 0x3f8
        .set    PM1_STATUS, 0x600
        .set    SCRATCH, 0x200000       # two MiB of memory
        .set    IDT, 0x8000

        .macro  OUTPUT port, value
        mov     $\port, %edx
        mov     $\value, %eax
        out     %al, %dx
        .endm
        .macro  RTC register, value
        OUTPUT  RTC_INDEX, \register
        OUTPUT  RTC_INDEX + 1, \value
        .endm
        .macro  STORE address, value    # of a device: absolute, 32 bits
        mov     $\address, %eax
        movl    $\value, (%rax)
        .endm
        .macro  ROUTE pin, entry
        STORE   IO_INDEX, 0x10+2*\pin
        STORE   IO_DATA, \entry
        .endm
        .macro  GATE vector, handler
        mov     $\handler, %eax
        mov     %ax, IDT + 16 * \vector
        movw    $0x08, IDT + 16 * \vector + 2
        movw    $0x8e00, IDT + 16 * \vector + 4
        shr     $16, %eax
        mov     %ax, IDT + 16 * \vector + 6
        movq    $0, IDT + 16 * \vector + 8
        .endm
        # Tells which interrupt came, mixes its time into RBX, and does with the device what it wants.
        .macro  HANDLER name, letter, acknowledge:vararg
\name:  push    %rax
        push    %rdx
        rdtsc
        imul    $0x1e3779b1, %rbx, %rbx
        add     %rax, %rbx
        mov     $COM1, %edx
        mov     $\letter, %al
        out     %al, %dx
        \acknowledge
        mov     $APIC + 0xb0, %eax
        movl    $0, (%rax)
        pop     %rdx
        pop     %rax
        iretq
        .endm

        .section .boot.text, "awx"
        .code64
        .globl  _start
_start:
        mov     %cr4, %rax
        or      $0x40600, %rax          # OSFXSR, OSXMMEXCPT, OSXSAVE
        mov     %rax, %cr4
        xor     %ecx, %ecx
        xor     %edx, %edx
        mov     $7, %eax
        xsetbv
        fninit
        GATE    0x01, debug
        GATE    0x40, pit
        GATE    0x51, rtc
        GATE    0x62, uart
        GATE    0x73, sci
        GATE    0x84, hpet
        GATE    0x95, apic
        lidt    idtr
        mov     %ss, stack_selector
        lea     spilled, %rax
        mov     %rax, %dr0
        lea     stack_selector, %rax
        mov     %rax, %dr1
        mov     $0x790405, %eax         # DR0: writes, 8 bytes; DR1: reads and writes, 2 bytes
        mov     %rax, %dr7
        OUTPUT  0x21, 0xff
        OUTPUT  0xa1, 0xff
        STORE   APIC + 0xf0, 0x1ff
        ROUTE   2, 0x40
        ROUTE   8, 0x51
        ROUTE   4, 0x62
        ROUTE   9, 0x8073
        ROUTE   20, 0x8084

        OUTPUT  COM1 + 2, 0x81          # FIFOs, trigger level 8
        OUTPUT  COM1 + 4, 0x0b
        OUTPUT  COM1 + 1, 0x01
        RTC     0x0b, 0x12              # interrupt at each update
        OUTPUT  PM1_STATUS + 2, 0x01    # and at each carry of the ACPI timer
        cmpb    $0, slow
        jne     work

        RTC     0x0a, 0x23              # 8192 Hz
        RTC     0x0b, 0x52
        OUTPUT  0x43, 0x34              # 8254 channel 0: mode 2, channel 2: mode 3
        OUTPUT  0x40, 5
        OUTPUT  0x40, 0
        OUTPUT  0x43, 0xb6
        OUTPUT  0x42, 77
        OUTPUT  0x42, 0
        OUTPUT  0x61, 1
        STORE   APIC + 0x3e0, 0xb
        STORE   APIC + 0x320, 0x20095
        STORE   APIC + 0x380, 3331
        STORE   HPET + 0x100, 0x2800 + 0x14e # pin 20, level, periodic, 32 bits
        STORE   HPET + 0x108, 700
        STORE   HPET + 0x108, 510
        STORE   HPET + 0x10, 1

work:   sti
1:      rdtsc
        xor     %rax, %rbx
        rdrand  %rcx
        add     %rcx, %rbx
        mov     %rbx, %rdi
        and     $0x1ffff8, %edi
        add     %rbx, SCRATCH(%rdi)
        OUTPUT  0x43, 0x80              # latch channel 2
        in      $0x42, %al
        add     %al, %bl
        mov     %rbx, spilled
        mov     stack_selector, %ss
        fildll  spilled
        fld1
        faddp
        fstpt   extended
        vcvtsi2sd %rbx, %xmm1, %xmm2
        vaddpd  %ymm2, %ymm3, %ymm3
        vpermq  $0x93, %ymm3, %ymm3
        test    $0x3f, %bl
        jnz     changed
        incb    changed + 1             # the immediate of the next instruction
changed:
        mov     $0, %al
        add     %al, %bl
        mov     $1 << 5, %ecx
        mov     $SCRATCH, %esi
        mov     $SCRATCH + 0x100000, %edi
        rep movsb
        test    $0x1c, %bl
        jnz     1b
        hlt
        jmp     1b

        HANDLER debug, 'd', call read_dr6
        HANDLER pit, 'p'
        HANDLER rtc, 'r', call read_rtc
        HANDLER uart, 'u', call echo
        HANDLER sci, 's', call clear_carry
        HANDLER hpet, 'h', call clear_hpet
        HANDLER apic, 'a'

read_dr6:
        mov     %dr6, %rax
        add     %rax, %rbx
        xor     %eax, %eax
        mov     %rax, %dr6
        ret
read_rtc:
        OUTPUT  RTC_INDEX, 0x0c
        in      $RTC_INDEX + 1, %al
        OUTPUT  RTC_INDEX, 0x00
        in      $RTC_INDEX + 1, %al
        add     %al, %bl
        ret
echo:   mov     $COM1, %edx
1:      in      %dx, %al
        out     %al, %dx
        add     %al, %bl
        mov     $COM1 + 5, %edx
        in      %dx, %al
        mov     $COM1, %edx
        test    $1, %al
        jnz     1b
        ret
clear_carry:
        OUTPUT  PM1_STATUS, 1
        ret
clear_hpet:
        STORE   HPET + 0x20, 1
        ret

        .section .boot.data, "aw"
        .balign 4096
spilled: .quad  0
extended: .fill 16
stack_selector: .word 0
idtr:   .word   0xfff
        .quad   IDT
        .globl  slow
slow:   .byte   0
