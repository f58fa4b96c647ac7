# A multiboot program that uses local APIC, IO-APIC, HPET and the 8259s behind LINT0, and reports on COM1 in which order
# interrupts came and what registers say. What a machine may choose freely is left out.

        .include "qemu-guest.inc"

        .set    APIC, 0xfee00000
        .set    TPR, APIC + 0x80
        .set    PPR, APIC + 0xa0
        .set    EOI, APIC + 0xb0
        .set    LDR, APIC + 0xd0
        .set    DFR, APIC + 0xe0
        .set    SVR, APIC + 0xf0
        .set    ISR, APIC + 0x100
        .set    TMR, APIC + 0x180
        .set    IRR, APIC + 0x200
        .set    ICR_LOW, APIC + 0x300
        .set    ICR_HIGH, APIC + 0x310
        .set    LVT_TIMER, APIC + 0x320
        .set    LVT_LINT0, APIC + 0x350
        .set    INITIAL_COUNT, APIC + 0x380
        .set    CURRENT_COUNT, APIC + 0x390
        .set    DIVIDE, APIC + 0x3e0
        .set    IO_INDEX, 0xfec00000
        .set    IO_DATA, 0xfec00010
        .set    HPET, 0xfed00000
        .set    SELF, 0x40000
        .set    MASKED, 0x10000

        .macro  OUTPUT port, value
        mov     $\value, %al
        out     %al, $\port
        .endm
        .macro  IO_APIC register, value
        movl    $\register, IO_INDEX
        movl    $\value, IO_DATA
        .endm
        # The 8254 interrupts once, some microseconds from now; its output stays high.
        .macro  PIT_ONCE
        OUTPUT  0x43, 0x30
        OUTPUT  0x40, 0x40
        OUTPUT  0x40, 0x00
        .endm
        # Its output is low for the next 50 milliseconds.
        .macro  PIT_LOW
        OUTPUT  0x43, 0x30
        OUTPUT  0x40, 0xff
        OUTPUT  0x40, 0xff
        .endm
        # Lets everything happen that is due.
        .macro  TAKE
        sti
        nop
        nop
        cli
        .endm
        .macro  WAIT_FOR count
1:      sti
        hlt
        cli
        cmpl    $\count, taken
        jb      1b
        .endm
        # Begins a report; values follow.
        .macro  CASE name
        movl    $\name, name_of_case
        call    begin_case
        .endm
        .macro  SHOW value
        mov     \value, %eax
        call    show
        .endm
        # Vectors of the interrupts since the last report, in order.
        .macro  LOG
        call    show_log
        .endm

        .text
        .code32
        MULTIBOOT start

start:
        mov     $stack_top, %esp
        lgdt    gdtr
        ljmp    $0x08, $1f
1:      mov     $0x10, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        OUTPUT  0x21, 0xff
        OUTPUT  0xa1, 0xff
        FILL_IDT_32 256, 0x8e00
        lidt    idtr

        CASE    '1'                     # version, enabling, entries follow the software enable
        SHOW    APIC + 0x30
        movl    $0x1ff, SVR
        movl    $0x10030, LVT_TIMER
        movl    $0x30, LVT_TIMER
        SHOW    LVT_TIMER
        movl    $0xff, SVR
        SHOW    LVT_TIMER
        movl    $0x1ff, SVR
        movl    $MASKED, LVT_LINT0

        CASE    '2'                     # order by priority, one class after the other
        movl    $SELF + 0x41, ICR_LOW
        movl    $SELF + 0x5f, ICR_LOW
        movl    $SELF + 0x53, ICR_LOW
        movl    $SELF + 0x62, ICR_LOW
        SHOW    IRR + 0x20
        SHOW    IRR + 0x30
        TAKE
        LOG
        SHOW    IRR + 0x20
        SHOW    ISR + 0x20

        CASE    '3'                     # a handler that lets others in: higher classes only
        movl    $nesting, hook
        movl    $SELF + 0x58, ICR_LOW
        TAKE
        LOG
        CASE    '4'
        SHOW    priority
        movl    $0, hook

        CASE    '5'                     # the task priority holds back its class and those below
        movl    $0x50, TPR
        movl    $SELF + 0x5a, ICR_LOW
        movl    $SELF + 0x60, ICR_LOW
        TAKE
        LOG
        SHOW    PPR
        movl    $0x4f, TPR
        TAKE
        LOG
        movl    $0, TPR

        CASE    '6'                     # logical destinations, flat and in clusters; absent processors
        movl    $0x04000000, LDR
        movl    $0xffffffff, DFR
        movl    $0x06000000, ICR_HIGH
        movl    $0x00841, ICR_LOW
        movl    $0x08000000, ICR_HIGH
        movl    $0x00842, ICR_LOW
        movl    $0x14000000, LDR
        movl    $0x0fffffff, DFR
        movl    $0x14000000, ICR_HIGH
        movl    $0x00853, ICR_LOW
        movl    $0x24000000, ICR_HIGH
        movl    $0x00864, ICR_LOW
        movl    $0x07000000, ICR_HIGH
        movl    $0x04500, ICR_LOW
        movl    $0x00608, ICR_LOW
        movl    $0x00075, ICR_LOW
        SHOW    ICR_LOW
        TAKE
        LOG
        SHOW    DFR
        movl    $0xffffffff, DFR

        CASE    '7'                     # a non-maskable interrupt to itself needs no IF
        movl    $0, ICR_HIGH
        movl    $0x400, ICR_LOW
        nop
        nop
        LOG

        CASE    '8'                     # the timer: one-shot
        movl    $0xb, DIVIDE
        movl    $0x71, LVT_TIMER
        movl    $20000, INITIAL_COUNT
        WAIT_FOR 1
        LOG
        SHOW    CURRENT_COUNT
        SHOW    INITIAL_COUNT
        SHOW    DIVIDE

        CASE    '9'                     # periodic, then stopped
        movl    $0x3, DIVIDE
        movl    $0x20072, LVT_TIMER
        movl    $20000, INITIAL_COUNT
        WAIT_FOR 3
        movl    $0, INITIAL_COUNT
        TAKE
        SHOW    CURRENT_COUNT
        movl    $MASKED, LVT_TIMER
        # How many came before it was stopped is a matter of time.
        movl    $0, log_end

        CASE    'a'                     # registers of the IO-APIC
        movl    $1, IO_INDEX
        SHOW    IO_DATA
        IO_APIC 0x14, 0x1afff
        SHOW    IO_DATA
        IO_APIC 0x15, 0xff000000
        SHOW    IO_DATA
        IO_APIC 0x15, 0
        IO_APIC 0x14, MASKED

        CASE    'b'                     # an edge at pin 2
        IO_APIC 0x14, 0x81
        PIT_ONCE
        WAIT_FOR 1
        LOG

        CASE    'c'                     # a level at pin 2: again and again until it falls
        IO_APIC 0x14, MASKED
        PIT_LOW
        movl    $lower_third, hook
        IO_APIC 0x14, 0x8082
        PIT_ONCE
        WAIT_FOR 3
        TAKE
        LOG
        SHOW    remote_irr
        movl    $0x14, IO_INDEX
        SHOW    IO_DATA
        SHOW    trigger_mode
        movl    $0, hook
        IO_APIC 0x14, MASKED

        CASE    'd'                     # the 8259s through LINT0
        PIT_LOW
        OUTPUT  0x20, 0x11
        OUTPUT  0x21, 0x20
        OUTPUT  0x21, 0x04
        OUTPUT  0x21, 0x01
        OUTPUT  0x21, 0xfe
        movl    $0x700, LVT_LINT0
        PIT_ONCE
        WAIT_FOR 1
        LOG
        OUTPUT  0x20, 0x20
        movl    $MASKED + 0x700, LVT_LINT0
        PIT_ONCE
1:      OUTPUT  0x20, 0x0a              # until the 8259 has the request
        in      $0x20, %al
        test    $1, %al
        jz      1b
        TAKE
        LOG
        movl    $0x700, LVT_LINT0
        TAKE
        LOG
        OUTPUT  0x20, 0x20
        OUTPUT  0x21, 0xff
        movl    $MASKED, LVT_LINT0

        CASE    'e'                     # HPET: capabilities, one-shot in the place of IRQ 0
        SHOW    HPET
        SHOW    HPET + 4
        movl    $0, HPET + 0x10
        movl    $0, HPET + 0xf0
        movl    $0, HPET + 0xf4
        IO_APIC 0x14, 0x91
        movl    $0x104, HPET + 0x100
        movl    $5000, HPET + 0x108
        movl    $3, HPET + 0x10
        WAIT_FOR 1
        LOG
        SHOW    HPET + 0x20

        CASE    'f'                     # periodic: the first match, then the period
        movl    $0, HPET + 0x10
        movl    $0, HPET + 0xf0
        movl    $0x14c, HPET + 0x100
        movl    $5000, HPET + 0x108
        movl    $2500, HPET + 0x108
        movl    $3, HPET + 0x10
        WAIT_FOR 3
        movl    $0, HPET + 0x100
        movl    $0, HPET + 0x10
        TAKE
        movl    $0, log_end
        SHOW    HPET + 0x10

        call    newline
        OUTPUT  0xf4, 0x10
        hlt

# Interrupts: the vector goes to the log, the hook is called, the interrupt ends unless it is the 8259s' or an NMI.
stubs:
        .set    vector, 0
        .rept   256
        .align  16
        push    $vector
        jmp     interrupt
        .set    vector, vector + 1
        .endr
interrupt:
        pusha
        mov     32(%esp), %eax
        mov     log_end, %ebx
        mov     %al, log(%ebx)
        incl    log_end
        incl    taken
        mov     hook, %ebx
        test    %ebx, %ebx
        jz      1f
        call    *%ebx
1:      mov     32(%esp), %eax
        cmp     $0x30, %al
        jb      1f
        movl    $0, EOI
1:      popa
        add     $4, %esp
        iretl

# The interrupt of vector 58h asks for one of its own class and one of a higher class.
nesting:
        cmp     $0x58, %al
        jne     1f
        movl    $SELF + 0x5c, ICR_LOW
        movl    $SELF + 0x61, ICR_LOW
        mov     PPR, %eax
        mov     %eax, priority
        sti
        nop
        nop
        cli
1:      ret

# At the third interrupt, the output of the 8254 falls.
lower_third:
        movl    $0x14, IO_INDEX
        mov     IO_DATA, %eax
        mov     %eax, remote_irr
        mov     TMR + 0x40, %eax
        mov     %eax, trigger_mode
        cmpl    $3, taken
        jb      1f
        PIT_LOW
1:      ret

begin_case:
        movl    $0, taken
        call    newline
        mov     name_of_case, %al
        call    put
        mov     $':', %al
        jmp     put
show_log:
        mov     $' ', %al
        call    put
        mov     $'[', %al
        call    put
        xor     %esi, %esi
1:      cmp     log_end, %esi
        jae     2f
        movzbl  log(%esi), %eax
        call    show
        inc     %esi
        jmp     1b
2:      movl    $0, log_end
        mov     $']', %al
        jmp     put
newline:
        mov     $'\n', %al
        jmp     put
# A space and EAX in hexadecimal.
show:
        push    %eax
        mov     $' ', %al
        call    put
        mov     $8, %ecx
1:      roll    $4, (%esp)
        mov     (%esp), %eax
        and     $15, %eax
        mov     digits(%eax), %al
        call    put
        loop    1b
        pop     %eax
        ret
put:
        mov     $0x3f8, %edx
        out     %al, %dx
        ret

digits: .ascii  "0123456789abcdef"
        .align  8
gdt:    .quad   0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdtr:   .word   23
        .long   gdt
idtr:   .word   2047
        .long   idt
        .align  4
        .lcomm  idt, 2048
        .lcomm  log, 4096
        .lcomm  stack, 4096
        .set    stack_top, stack + 4096
        .lcomm  log_end, 4
        .lcomm  taken, 4
        .lcomm  hook, 4
        .lcomm  priority, 4
        .lcomm  remote_irr, 4
        .lcomm  trigger_mode, 4
        .lcomm  name_of_case, 4
        .bss
bss_end:
