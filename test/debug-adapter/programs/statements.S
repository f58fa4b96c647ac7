# One statement on a line, and two.
	.globl _start
_start:
	nop
	nop; inc %eax
	hlt
