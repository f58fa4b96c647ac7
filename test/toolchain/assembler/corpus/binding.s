.globl h, p, i, w, x
.hidden h
.protected p
.internal i
.weak w
.hidden w
h: call h; jmp h; lea h(%rip),%rax; mov $h,%rdi; .quad h
p: call p; jmp p; lea p(%rip),%rax; .long p - .
i: call i; jmp i; lea i(%rip),%rax
w: call w; jmp w; je w; lea w(%rip),%rax
.globl .Lg
.Lg: call .Lg
.data
d: .quad d, .Lg, h
.long h-d
.section .text.cold,"ax"
jmp h
je p
call w
call d
.section .tdata,"awT",@progbits
t: .long 5
.text
mov %fs:t@tpoff,%eax
lea t@tlsgd(%rip),%rdi
mov $t@tpoff,%rax
mov foo@gotpcrel(%rip),%rax
