/* Fibonacci numbers by naive recursion: calls, returns, pushes and pops. */
#include "finish.h"
    .globl _start
_start:
    mov     $38, %edi
    call    fib
    finish
fib:
    cmp     $2, %edi
    jae     larger
    mov     %edi, %eax
    ret
larger:
    push    %rbx
    push    %rbp
    mov     %edi, %ebx
    lea     -1(%rbx), %edi
    call    fib
    mov     %eax, %ebp
    lea     -2(%rbx), %edi
    call    fib
    add     %ebp, %eax
    pop     %rbp
    pop     %rbx
    ret
