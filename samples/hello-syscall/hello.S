/*
 * hello.S - two system calls: write, and exit. Press F5 and follow them down.
 *
 * The C compiler would write  write(1, message, 15);  exit(0);
 */

#define __NR_write              1
#define __NR_exit               60
#define STDOUT                  1

	.text
	.globl	_start
	.type	_start, @function
_start:
	/*
	 * Values to recognise. The kernel saves all fifteen of these registers, and
	 * the pt_regs view shows which slot each goes to. None is an argument of
	 * write, and all but rcx and r11 will be the same when it returns.
	 */
	movl	$0xb0b, %ebx
	movl	$0xcccc, %ecx			/* SYSCALL overwrites rcx with the return address, */
	movl	$0x1111, %r11d			/* and r11 with the flags */
	movl	$0xb9, %ebp
	movl	$0x88, %r8d
	movl	$0x99, %r9d
	movl	$0x1010, %r10d
	movl	$0x1212, %r12d
	movl	$0x1313, %r13d
	movl	$0x1414, %r14d
	movl	$0x1515, %r15d

print_message:
	movl	$__NR_write, %eax		/* the number of the call */
	movl	$STDOUT, %edi			/* 1st argument: file descriptor */
	leaq	message(%rip), %rsi		/* 2nd: address of the bytes */
	movl	$message_length, %edx		/* 3rd: how many */
enter_kernel:
	syscall					/* step into this one */
back_in_ring_3:
	/* rax = result: bytes written, or minus an error number (-4095 ... -1). */
	cmpq	$-4095, %rax
	jae	write_failed

	xorl	%edi, %edi			/* status 0: all is well */
leave:
	movl	$__NR_exit, %eax
	syscall					/* the kernel does not come back from this one */

write_failed:
	movl	$1, %edi
	jmp	leave
	.size	_start, . - _start

	.section .rodata, "a"
message:
	.ascii	"Hello, ring 0!\n"
	.set	message_length, . - message
