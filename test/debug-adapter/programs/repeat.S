/* A repeated string instruction, and the exit. */
	.text
	.globl	_start
	.type	_start, @function
_start:
	leaq	source_text(%rip), %rsi
	leaq	target_text(%rip), %rdi
	movl	$17, %ecx
copy:
	rep movsb
	movl	$60, %eax			/* copied */
	xorl	%edi, %edi
	syscall
	.size	_start, . - _start

	.section .rodata, "a"
source_text:
	.asciz	"sixteen letters!"
	.bss
target_text:
	.skip	32
