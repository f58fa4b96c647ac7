/* Exceptions of ring 3, one after the other is reached by setting rip. */
	.text
	.globl	_start
	.type	_start, @function
_start:
	movq	$0x1234, %rax
page_fault:
	movq	%rax, (%rax)
privileged:
	hlt
undefined:
	ud2
non_canonical:
	movabsq	$0x8000000000000000, %rcx
	jmp	*%rcx
	.size	_start, . - _start
