/* A 32-bit program: writes its first argument, ends with status getpid() + 6. */
	.globl	_start
_start:
	movl	(%esp), %ecx			/* argc */
	movl	8(%esp), %edi			/* argv[1] */
	leal	8(%esp, %ecx, 4), %esi		/* envp */
environment:
	lodsl
	testl	%eax, %eax
	jnz	environment
auxv:
	lodsl
	movl	%eax, %ecx
	lodsl
	cmpl	$32, %ecx			/* AT_SYSINFO */
	jne	auxv
	movl	%eax, sysinfo

	movl	%edi, %ecx
	xorl	%edx, %edx
length:
	cmpb	$1, (%ecx, %edx)
	incl	%edx
	jae	length
	decl	%edx
	movl	$4, %eax			/* write, through __kernel_vsyscall */
	movl	$1, %ebx
	call	*sysinfo

	movl	$20, %eax			/* getpid, through the gate */
	int	$0x80
	leal	6(%eax), %ebx
	movl	$1, %eax			/* exit */
	call	*sysinfo

	.bss
sysinfo:
	.skip	4
