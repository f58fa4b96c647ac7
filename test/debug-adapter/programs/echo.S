/* Reads once from the terminal and writes back what came. */
	.text
	.globl	_start
	.type	_start, @function
_start:
	xorl	%eax, %eax
	xorl	%edi, %edi
	leaq	buffer(%rip), %rsi
	movl	$64, %edx
	syscall
	movq	%rax, %rdx
	movl	$1, %eax
	movl	$1, %edi
	leaq	buffer(%rip), %rsi
	syscall
	movl	$60, %eax
	movl	$7, %edi
	syscall
	.size	_start, . - _start
	.bss
buffer:
	.skip	64
