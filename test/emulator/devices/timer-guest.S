# Starts channel 0 of the 8254 in mode 2 and sleeps through ten of its interrupts, each noting the time-stamp counter.
        .set    IDT, 0x9000
        .set    STAMPS, 0x8000
        .macro  OUTPUT port, value
        mov     $\value, %al
        out     %al, $\port
        .endm
        .code64
        OUTPUT  0x43, 0x34
        OUTPUT  0x40, 0xa9
        OUTPUT  0x40, 0x04
        OUTPUT  0x20, 0x11
        OUTPUT  0x21, 0x30
        OUTPUT  0x21, 0x04
        OUTPUT  0x21, 0x01
        OUTPUT  0x21, 0xfe
        mov     $handler, %eax
        mov     $IDT + 16 * 0x30, %edi
        mov     %ax, (%rdi)
        movw    $0x08, 2(%rdi)
        movw    $0x8e00, 4(%rdi)
        shr     $16, %eax
        mov     %ax, 6(%rdi)
        movq    $0, 8(%rdi)
        lidt    idtr
        xor     %ebx, %ebx
1:      sti
        hlt
        cmp     $10, %ebx
        jb      1b
        cli
        hlt
handler:
        rdtsc
        mov     %eax, STAMPS(, %rbx, 4)
        inc     %ebx
        OUTPUT  0x20, 0x20
        iretq
idtr:   .word   0xfff
        .quad   IDT
