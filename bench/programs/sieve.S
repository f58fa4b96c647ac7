/* Primes below 1 MiB by Eratosthenes' sieve, over and over: byte stores with a stride, a scan, short loops. */
#include "finish.h"
    .globl _start
_start:
    mov     $150, %r15d
again:
    lea     flags(%rip), %rdi
    mov     $1, %al
    mov     $0x100000, %ecx
    rep stosb
    lea     flags(%rip), %rbx
    mov     $2, %esi
next:
    cmpb    $0, (%rbx,%rsi)
    je      composite
    mov     %esi, %edi
    imul    %edi, %edi
    cmp     $0x100000, %edi
    jae     composite
strike:
    movb    $0, (%rbx,%rdi)
    add     %esi, %edi
    cmp     $0x100000, %edi
    jb      strike
composite:
    inc     %esi
    cmp     $1024, %esi
    jb      next
    dec     %r15d
    jnz     again
    finish
    .bss
flags:
    .skip   0x100000
