	.macro	STORE value
	movq	\value, %nosuch
	.endm
	.text
	.globl	_start
_start:
	STORE	$1
