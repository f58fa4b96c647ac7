/* Never ends by itself. */
	.text
	.globl	_start
_start:
	incq	%rax
	jmp	_start
