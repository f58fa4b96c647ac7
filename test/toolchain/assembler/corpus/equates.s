.set .LC6,.LC7
.set alias,target
.globl galias
.set galias,target
.set plus,target+4
.globl gplus
.set gplus,target+4
target: nop
lea .LC6(%rip),%rax
lea alias(%rip),%rax
lea galias(%rip),%rax
lea plus(%rip),%rax
lea gplus(%rip),%rax
call alias
call galias
jmp galias
jmp alias
.quad alias, galias, plus, gplus, undefalias
.set undefalias, undef+8
.section .rodata.cst8,"aM",@progbits,8
.quad 0
.LC7: .quad 0
.section other,"a"
.quad alias, galias, plus, gplus, undefalias, .LC6
