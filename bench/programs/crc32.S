/* CRC-32, bit by bit: shifts, masks and a dependent chain. */
#include "finish.h"
    .globl _start
_start:
    mov     $20000000, %r8d
    mov     $-1, %eax
    xor     %edx, %edx
byte:
    movzbl  %dl, %ecx
    xor     %ecx, %eax
    mov     $8, %ecx
bit:
    mov     %eax, %esi
    and     $1, %esi
    neg     %esi
    and     $0xedb88320, %esi
    shr     %eax
    xor     %esi, %eax
    dec     %ecx
    jnz     bit
    inc     %edx
    dec     %r8d
    jnz     byte
    finish
