/*
 * console.S - the serial port COM1, a 16550 UART, by polling: the program's
 * terminal, and the place where the kernel reports.
 */
#include "linkage.h"

#define COM1                    0x3f8
#define UART_DATA               0               /* write: transmit, read: receive */
#define UART_IER                1               /* interrupt enable */
#define UART_LCR                3               /* line control */
#define UART_MCR                4               /* modem control */
#define UART_LSR                5               /* line status */
#define UART_LCR_8N1            0x03            /* 8 bits, no parity, 1 stop bit */
#define UART_LCR_DLAB           0x80            /* registers 0 and 1 are the divisor */
#define UART_MCR_READY          0x03            /* DTR and RTS: somebody is here */
#define UART_LSR_DATA           0x01            /* a byte has been received */
#define UART_LSR_THRE           0x20            /* the transmitter takes another byte */

	.text

/* UART_SET - a constant to a register of the UART. */
.macro UART_SET register:req value:req
	movw	$(COM1 + \register), %dx
	movb	$\value, %al
	outb	%al, %dx
.endm

SYM_FUNC_START(console_init)
	UART_SET UART_IER, 0			/* no interrupts: we poll */
	UART_SET UART_LCR, UART_LCR_DLAB
	UART_SET UART_DATA, 1			/* divisor 1: 115200 baud */
	UART_SET UART_IER, 0			/* its upper byte */
	UART_SET UART_LCR, UART_LCR_8N1
	UART_SET UART_MCR, UART_MCR_READY
	ret
SYM_FUNC_END(console_init)

/* console_putc - send one byte. In: %dil. Changes only rax, rdx. */
SYM_FUNC_START(console_putc)
	movw	$(COM1 + UART_LSR), %dx
.Lwait_thre:
	inb	%dx, %al
	testb	$UART_LSR_THRE, %al
	jz	.Lwait_thre
	movw	$(COM1 + UART_DATA), %dx
	movb	%dil, %al
	outb	%al, %dx
	ret
SYM_FUNC_END(console_putc)

/* console_getc - wait for one byte. Out: %eax. Changes only rax, rdx. */
SYM_FUNC_START(console_getc)
	movw	$(COM1 + UART_LSR), %dx
.Lwait_data:
	inb	%dx, %al
	testb	$UART_LSR_DATA, %al
	jz	.Lwait_data
	movw	$(COM1 + UART_DATA), %dx
	inb	%dx, %al
	movzbl	%al, %eax
	ret
SYM_FUNC_END(console_getc)

/* console_write - send a text. In: %rdi = address, %rsi = bytes. */
SYM_FUNC_START(console_write)
	pushq	%rbx
	pushq	%rbp
	movq	%rdi, %rbx
	leaq	(%rdi, %rsi), %rbp		/* its end */
.Lwrite_next:
	cmpq	%rbp, %rbx
	je	.Lwrite_done
	movzbl	(%rbx), %edi
	call	console_putc
	incq	%rbx
	jmp	.Lwrite_next
.Lwrite_done:
	popq	%rbp
	popq	%rbx
	ret
SYM_FUNC_END(console_write)

/* print - send a text that ends in NUL. In: %rdi. */
SYM_FUNC_START(print)
	pushq	%rbx
	movq	%rdi, %rbx
.Lprint_next:
	movzbl	(%rbx), %edi
	testl	%edi, %edi
	jz	.Lprint_done
	call	console_putc
	incq	%rbx
	jmp	.Lprint_next
.Lprint_done:
	popq	%rbx
	ret
SYM_FUNC_END(print)

/* print_hex - send a number in hexadecimal. In: %rdi = number, %esi = digits. */
SYM_FUNC_START(print_hex)
	pushq	%rbx
	pushq	%rbp
	movq	%rdi, %rbx
	leal	(, %rsi, 4), %ebp		/* bits still to print */
.Lhex_next:
	subl	$4, %ebp
	js	.Lhex_done
	movq	%rbx, %rdi
	movl	%ebp, %ecx
	shrq	%cl, %rdi
	andl	$15, %edi
	movzbl	hex_digits(%rdi), %edi
	call	console_putc
	jmp	.Lhex_next
.Lhex_done:
	popq	%rbp
	popq	%rbx
	ret
SYM_FUNC_END(print_hex)

	.section .rodata, "a"
hex_digits:
	.ascii	"0123456789abcdef"
