/* On the bare machine: sleeps with interrupts on, then would stop for good. */
	.text
	.globl	_start
	.type	_start, @function
_start:
	sti
asleep:
	hlt
	jmp	asleep
for_good:
	cli
	hlt
	.size	_start, . - _start
