/*
 * On the bare machine: the timer interrupts an endless loop every 4 ticks of its 1.19 MHz clock. The handler
 * counts in r15.
 */
	.text
	.globl	_start
	.type	_start, @function
_start:
	leaq	handler(%rip), %rax		/* gate 0x20 of the IDT */
	leaq	idt + 0x20 * 16(%rip), %rdi
	movw	%ax, (%rdi)
	movw	%cs, 2(%rdi)
	movw	$0x8e00, 4(%rdi)
	shrq	$16, %rax
	movw	%ax, 6(%rdi)
	shrq	$16, %rax
	movl	%eax, 8(%rdi)
	leaq	idt(%rip), %rax
	movq	%rax, idt_pointer + 2(%rip)
	lidt	idt_pointer(%rip)

	movb	$0x11, %al			/* 8259A: vectors from 0x20 on, only line 0 open */
	outb	%al, $0x20
	movb	$0x20, %al
	outb	%al, $0x21
	movb	$0x04, %al
	outb	%al, $0x21
	movb	$0x01, %al
	outb	%al, $0x21
	movb	$0xfe, %al
	outb	%al, $0x21

	movb	$0x34, %al			/* 8254: channel 0, mode 2, 4 ticks */
	outb	%al, $0x43
	movb	$4, %al
	outb	%al, $0x40
	xorb	%al, %al
	outb	%al, $0x40
	sti
again:
	incq	%rbx
	call	work
	jmp	again
	.size	_start, . - _start

	.type	work, @function
work:
	movl	$5000, %ecx
1:
	loop	1b
	ret
	.size	work, . - work

	.type	handler, @function
handler:
	incq	%r15
	pushq	%rax
	movb	$0x20, %al
	outb	%al, $0x20
	popq	%rax
	iretq
	.size	handler, . - handler

	.data
idt_pointer:
	.word	0x21 * 16 - 1
	.quad	0
	.balign	16
idt:
	.skip	0x21 * 16
