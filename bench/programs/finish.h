/* How a benchmark program ends: exit(0) under an operating system, HLT on the bare machine. */
.macro finish
#ifdef BARE
    hlt
#else
    mov     $60, %eax
    xor     %edi, %edi
    syscall
#endif
.endm
