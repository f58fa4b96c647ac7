/* On the bare machine there is no IDT: the first exception is the last. */
	.text
	.globl	_start
	.type	_start, @function
_start:
	movl	$1, %eax
	ud2
	.size	_start, . - _start
