/* Quicksort of pseudo-random doublewords, eight times 1 Mi elements: unpredictable branches, loads and stores. */
#include "finish.h"
    .globl _start
_start:
    mov     $4, %r15d
again:
    lea     numbers(%rip), %rdi
    mov     $0x100000, %ecx
    mov     $12345, %eax
fill:
    imul    $1103515245, %eax, %eax
    add     $12345, %eax
    mov     %eax, (%rdi)
    add     $4, %rdi
    dec     %ecx
    jnz     fill
    lea     numbers(%rip), %rdi
    lea     numbers+0x3ffffc(%rip), %rsi
    call    sort
    dec     %r15d
    jnz     again
    finish

/* Sorts the doublewords from %rdi to %rsi, both included. */
sort:
    cmp     %rsi, %rdi
    jae     sorted
    mov     (%rdi), %eax
    mov     %rdi, %rcx
    lea     4(%rsi), %rdx
up:
    add     $4, %rcx
    cmp     %rsi, %rcx
    ja      down
    cmp     %eax, (%rcx)
    jb      up
down:
    sub     $4, %rdx
    cmp     %eax, (%rdx)
    ja      down
    cmp     %rdx, %rcx
    jae     split
    mov     (%rcx), %r8d
    mov     (%rdx), %r9d
    mov     %r9d, (%rcx)
    mov     %r8d, (%rdx)
    jmp     up
split:
    mov     (%rdx), %r8d
    mov     %r8d, (%rdi)
    mov     %eax, (%rdx)
    push    %rdx
    push    %rsi
    lea     -4(%rdx), %rsi
    call    sort
    pop     %rsi
    pop     %rdi
    add     $4, %rdi
    jmp     sort
sorted:
    ret
    .bss
    .balign 4
numbers:
    .skip   0x400000
