.text
.globl _start
_start: nop
.align 8
ret
.p2align 4,,10
ret
.p2align 4,,7
nop
.p2align 5
jmp 1f
.balign 16, 0xcc
1: nop
.align 64
.data
.byte 1
.align 8
.quad 5
.balign 4, 0x11
.byte 1
.byte 0
.balignw 8, 0x2233
.byte 5
.p2align 3
.zero 5
.fill 3, 2, 0x1234
.fill 2, 8, -1
.fill 3
.space 4, 0xee
.skip 3
.org 0x80
.byte 0xff
.org 0x90, 0x77
.section .rodata
msg: .string "hello", "x"
.ascii "a\tb\0\x41\101\"\\"
.section .note.GNU-stack,"",@progbits
.section foo,"ax",@progbits
call msg
.section .mysec,"aw"
.quad msg
.section .str,"aMS",@progbits,1
s1: .string "abc"
.section .data
.quad s1, msg+3
.bss
buf: .skip 100
.align 16
buf2: .zero 8
.text
lea buf(%rip),%rax
lea s1(%rip),%rbx
mov $buf2,%rdi
.pushsection .data
.byte 0x99
.popsection
nop
.previous
.section .a,"a"
.byte 1
.section .b,"a"
.byte 2
.previous
.byte 3
.text 1
sub1: nop
.text 0
jmp sub1
.subsection 2
int3
.text
.type _start,@function
.size _start, .-_start
.hidden buf
.weak wk, wk2
wk: call wk; call wk2; jmp wk
.globl gl
gl: jmp gl; call gl; je gl
.local loc
.comm loc,24,8
.comm com,100,32
.lcomm lc,4
.quad wk
.int gl
.set alias, gl
.globl alias
call alias
.ident "x"
.file "foo.c"
.data
.float 1.5, -2.25
.double 3.14159, 1e10
.single 0f1.0
.value 1,2
.short 3
.hword 4
.2byte 5
.4byte 6
.8byte 7
.section .init_array,"aw"
.quad _start
.section .tbss,"awT",@nobits
.zero 8
.section ".quoted","a"
.byte 1
