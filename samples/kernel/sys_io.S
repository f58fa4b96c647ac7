/*
 * sys_io.S - read and write. There is one file: the terminal, open as 0, 1 and 2.
 *
 * __x64_sys_... and __ia32_sys_... take the arguments from where their gate left
 * them in pt_regs; ksys_... does the work for both.
 */
#include "linkage.h"
#include "calling.h"
#include "errno.h"

#define STDERR                  2
#define IO_CHUNK                256             /* bytes carried at a time */
#define MAX_RW_COUNT            0x7ffff000      /* Linux never moves more at once */

#define CTRL_D                  4
#define BACKSPACE               8
#define NEWLINE                 10
#define RETURN                  13
#define DELETE                  127

	.text

SYM_FUNC_START(__x64_sys_write)
	movq	RDX(%rdi), %rdx			/* count */
	movq	RSI(%rdi), %rsi			/* buf */
	movl	RDI(%rdi), %edi			/* fd */
	jmp	ksys_write
SYM_FUNC_END(__x64_sys_write)

SYM_FUNC_START(__ia32_sys_write)
	movl	RDX(%rdi), %edx
	movl	RCX(%rdi), %esi
	movl	RBX(%rdi), %edi
	jmp	ksys_write
SYM_FUNC_END(__ia32_sys_write)

SYM_FUNC_START(__x64_sys_read)
	movq	RDX(%rdi), %rdx			/* count */
	movq	RSI(%rdi), %rsi			/* buf */
	movl	RDI(%rdi), %edi			/* fd */
	jmp	ksys_read
SYM_FUNC_END(__x64_sys_read)

SYM_FUNC_START(__ia32_sys_read)
	movl	RDX(%rdi), %edx
	movl	RCX(%rdi), %esi
	movl	RBX(%rdi), %edi
	jmp	ksys_read
SYM_FUNC_END(__ia32_sys_read)

/*
 * ksys_write(int fd, const char *buf, size_t count)
 * The text is carried through a buffer of the kernel: what reaches the port has
 * been read from user memory exactly once, by copy_from_user.
 */
SYM_FUNC_START(ksys_write)
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13

	cmpl	$STDERR, %edi
	ja	.Lwrite_bad_fd
	movq	%rsi, %rbx			/* next byte to fetch */
	movl	$MAX_RW_COUNT, %eax
	cmpq	%rax, %rdx
	cmovaq	%rax, %rdx
	movq	%rdx, %rbp			/* bytes left */
	xorl	%r12d, %r12d			/* bytes written: the result */

.Lwrite_chunk:
	testq	%rbp, %rbp
	jz	.Lwrite_done
	movl	$IO_CHUNK, %r13d
	cmpq	%r13, %rbp
	cmovbq	%rbp, %r13			/* bytes of this chunk */
	movq	$io_buffer, %rdi
	movq	%rbx, %rsi
	movq	%r13, %rdx
	call	copy_from_user
	testq	%rax, %rax
	jnz	.Lwrite_fault
	movq	$io_buffer, %rdi
	movq	%r13, %rsi
	call	console_write
	addq	%r13, %rbx
	addq	%r13, %r12
	subq	%r13, %rbp
	jmp	.Lwrite_chunk

.Lwrite_fault:
	testq	%r12, %r12			/* something is out already: that counts */
	jnz	.Lwrite_done
	movq	$-EFAULT, %r12
	jmp	.Lwrite_done
.Lwrite_bad_fd:
	movq	$-EBADF, %r12
.Lwrite_done:
	movq	%r12, %rax
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	ret
SYM_FUNC_END(ksys_write)

/*
 * ksys_read(int fd, char *buf, size_t count)
 * A line at a time, with echo, as a terminal in its usual mode. What does not
 * fit the caller's buffer waits for the next call.
 */
SYM_FUNC_START(ksys_read)
	pushq	%rbx
	pushq	%rbp

	cmpl	$STDERR, %edi
	ja	.Lread_bad_fd
	movq	%rsi, %rbx			/* where to */
	movq	%rdx, %rbp			/* how much at most */
	testq	%rbp, %rbp
	jz	.Lread_nothing

	movl	line_end, %eax
	cmpl	line_start, %eax
	jne	.Lread_copy			/* some of the last line is left */
	call	read_line
.Lread_copy:
	movl	line_end, %edx
	subl	line_start, %edx		/* bytes at hand */
	cmpq	%rdx, %rbp
	cmovbq	%rbp, %rdx
	movq	%rdx, %rbp			/* bytes to hand over: the result */
	movq	%rbx, %rdi
	movl	line_start, %esi
	addq	$line_buffer, %rsi
	call	copy_to_user
	testq	%rax, %rax
	jnz	.Lread_fault
	addl	%ebp, line_start
.Lread_nothing:
	movq	%rbp, %rax
	jmp	.Lread_done
.Lread_fault:
	movq	$-EFAULT, %rax
	jmp	.Lread_done
.Lread_bad_fd:
	movq	$-EBADF, %rax
.Lread_done:
	popq	%rbp
	popq	%rbx
	ret
SYM_FUNC_END(ksys_read)

/*
 * read_line - collect a line into line_buffer. Return ends it, backspace takes
 * the last character back, Ctrl-D ends it without a newline: an empty line then
 * reads as 0 bytes, the end of the file.
 */
SYM_FUNC_START_LOCAL(read_line)
	pushq	%rbx
	xorl	%ebx, %ebx			/* characters so far */
.Lnext_char:
	call	console_getc
	cmpl	$CTRL_D, %eax
	je	.Lline_done
	cmpl	$BACKSPACE, %eax
	je	.Lerase
	cmpl	$DELETE, %eax
	je	.Lerase
	cmpl	$RETURN, %eax			/* terminals send return, programs expect newline */
	movl	$NEWLINE, %ecx
	cmovel	%ecx, %eax
	cmpl	$(IO_CHUNK - 1), %ebx
	jb	.Lstore
	cmpl	$NEWLINE, %eax			/* full: only the end of the line fits */
	jne	.Lnext_char
.Lstore:
	movb	%al, line_buffer(%rbx)
	incl	%ebx
	movl	%eax, %edi
	call	console_putc			/* echo */
	cmpb	$NEWLINE, line_buffer - 1(%rbx)
	jne	.Lnext_char
.Lline_done:
	movl	$0, line_start
	movl	%ebx, line_end
	popq	%rbx
	ret
.Lerase:
	testl	%ebx, %ebx
	jz	.Lnext_char
	decl	%ebx
	movq	$.Lerase_text, %rdi
	call	print
	jmp	.Lnext_char
SYM_FUNC_END(read_line)

	.section .rodata, "a"
.Lerase_text:
	.asciz	"\b \b"				/* one back, blank it, one back */

	.bss
	.balign	8
io_buffer:
	.skip	IO_CHUNK
line_buffer:
	.skip	IO_CHUNK
line_start:
	.skip	4
line_end:
	.skip	4
