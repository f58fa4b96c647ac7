/*
 * sysret-or-iret.S - make each of the kernel's SYSRET checks fail, one at a time.
 *
 * At the end of a system call the kernel looks at pt_regs. If SYSRET can restore
 * it, SYSRET it is; if not, IRET. A program decides what pt_regs holds with one
 * call: rt_sigreturn loads all registers from a frame on the user's stack. Signal
 * handlers end with it; we build the frame by hand instead and change one field.
 *
 * What ring 3 can see of the choice: SYSRET leaves RIP in rcx and RFLAGS in r11,
 * and knows one CS and one SS. If something else arrives, it was IRET.
 *
 * The program runs on Linux as well:  gcc -nostdlib -static sysret-or-iret.S
 */
#include "sigframe.h"

#define __NR_write              1
#define __NR_rt_sigaction       13
#define __NR_rt_sigreturn       15
#define __NR_exit               60
#define __NR_ia32_set_thread_area 243

#define USER32_CS               0x23
#define USER_DS                 0x2b
#define USER_CS                 0x33

#define EFLAGS_FIXED            0x00002         /* bit 1 is always 1 */
#define EFLAGS_TF               0x00100         /* trap after each instruction */
#define EFLAGS_IF               0x00200         /* ring 3 always runs with interrupts on */
#define EFLAGS_RF               0x10000         /* resume */
#define PLAIN_FLAGS             (EFLAGS_IF | EFLAGS_FIXED)

#define SIGTRAP                 5
#define SIGSEGV                 11
#define SA_SIGINFO              0x00000004
#define SA_RESTORER             0x04000000

	.text
	.globl	_start
	.type	_start, @function
_start:
	/* 32-bit code comes by below; it needs a stack below 4 GiB. */
	leaq	stack_top, %rsp

	leaq	sigsegv_action(%rip), %rsi
	movl	$SIGSEGV, %edi
	call	set_handler
	leaq	sigtrap_action(%rip), %rsi
	movl	$SIGTRAP, %edi
	call	set_handler

/* Nothing is wrong: rcx = rip, r11 = flags, the usual selectors. */
case_sysret:
	leaq	text_sysret(%rip), %rsi
	call	begin_case
	call	return_through_frame
	call	report

/* 1. RCX != RIP. SYSRET would jump to what is in rcx. */
case_rcx:
	leaq	text_rcx(%rip), %rsi
	call	begin_case
	movq	$0xcafe, frame + FRAME_cx
	call	return_through_frame
	call	report

/*
 * 2. RIP is not canonical: bits 48..63 differ from bit 47. RCX is the same, so
 * the first check holds. On Intel's processors SYSRET would fault in ring 0 with
 * our stack in RSP. IRET faults too, but the kernel is prepared for that: we get
 * SIGSEGV, and on_sigsegv brings us back.
 */
case_canonical:
	leaq	text_canonical(%rip), %rsi
	call	begin_case
	movabsq	$(1 << 47), %rax		/* one byte past the end of user space */
	movq	%rax, frame + FRAME_ip
	movq	%rax, frame + FRAME_cx
	call	return_through_frame
	leaq	text_sigsegv(%rip), %rsi
	call	print
	movq	fault_address, %rdi
	call	print_hex
	call	print_newline

/* 3. CS is not 0x33. The frame goes to 32-bit code, SYSRET to 64-bit code only. */
case_cs:
	leaq	text_cs(%rip), %rsi
	call	begin_case
	movq	$landed_32, frame + FRAME_ip
	movq	$landed_32, frame + FRAME_cx
	movw	$USER32_CS, frame + FRAME_cs
	call	return_through_frame
	call	report

/* 4. R11 != RFLAGS. SYSRET would load the flags from r11. */
case_flags:
	leaq	text_flags(%rip), %rsi
	call	begin_case
	movq	$0xf1a9, frame + FRAME_r11
	call	return_through_frame
	call	report

/* 5. RF is set, in both places. SYSRET always clears it; ring 3 cannot read it. */
case_rf:
	leaq	text_rf(%rip), %rsi
	call	begin_case
	movq	$(PLAIN_FLAGS | EFLAGS_RF), frame + FRAME_flags
	movq	$(PLAIN_FLAGS | EFLAGS_RF), frame + FRAME_r11
	call	return_through_frame
	call	report

/*
 * 6. SS is not 0x2b. Another data segment is needed: set_thread_area makes one
 * in the GDT. It is an i386 call; int $0x80 takes those from 64-bit code, too.
 */
case_ss:
	leaq	text_ss(%rip), %rsi
	call	begin_case
	movl	$__NR_ia32_set_thread_area, %eax
	movl	$user_desc, %ebx
	int	$0x80				/* writes the number of the GDT entry */
	movl	user_desc, %eax
	leal	3(, %rax, 8), %eax		/* selector: 8 * entry, ring 3 */
	movw	%ax, frame + FRAME_ss
	call	return_through_frame
	call	report
	movl	$USER_DS, %eax
	movl	%eax, %ss			/* the usual one again */

/*
 * 7. TF is set. We single-step ourselves: after each instruction comes a #DB,
 * the kernel makes SIGTRAP of it, on_sigtrap counts and returns. At stuck_here
 * rcx = rip and r11 = flags, so only the check for TF is left. With SYSRET the
 * next #DB would come before the instruction at stuck_here has run; and again,
 * and again. With IRET it comes behind it.
 */
case_tf:
	leaq	text_tf(%rip), %rsi
	call	print
	pushfq
	orq	$EFLAGS_TF, (%rsp)
	popfq					/* traps come after the next instruction */
	movq	$stuck_here, %rcx
	pushfq
	popq	%r11
stuck_here:
	nop
	pushfq
	andq	$~EFLAGS_TF, (%rsp)
	popfq					/* this one still traps: TF was set when it began */

	movl	traps_at_stuck_here, %eax
	leaq	text_moved_on(%rip), %rsi
	cmpl	$1, %eax
	je	tell_tf
	leaq	text_stuck(%rip), %rsi
tell_tf:
	call	print

	movl	$__NR_exit, %eax
	xorl	%edi, %edi
	syscall

/*
 * begin_case - print its title, and make the frame one that SYSRET can restore.
 * In: %rsi = title
 */
begin_case:
	call	print
	leaq	frame(%rip), %rdi
	xorl	%eax, %eax
	movl	$(FRAME_SIZE / 8), %ecx
	rep stosq
	movq	$(UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS), frame + FRAME_uc_flags
	movq	$landed, frame + FRAME_ip
	movq	$landed, frame + FRAME_cx
	movq	$PLAIN_FLAGS, frame + FRAME_flags
	movq	$PLAIN_FLAGS, frame + FRAME_r11
	movw	$USER_CS, frame + FRAME_cs
	movw	$USER_DS, frame + FRAME_ss
	ret

/*
 * return_through_frame - rt_sigreturn. It takes the frame just below %rsp, and
 * returns to where the frame says: to landed, whose RET then ends this function.
 */
return_through_frame:
	movq	%rsp, frame + FRAME_sp
	leaq	frame + 8, %rsp
	movl	$__NR_rt_sigreturn, %eax
	syscall
	hlt					/* not reached */

/* The places the frames lead to: note what has arrived. */
	.code32
landed_32:
	movl	%cs, %eax			/* 0x23, and soon gone */
	ljmp	$USER_CS, $landed_with_cs
	.code64
landed:
	movl	%cs, %eax
landed_with_cs:
	movw	%ax, seen_cs
	movl	%ss, %eax
	movw	%ax, seen_ss
	movq	%rcx, seen_rcx
	movq	%r11, seen_r11
	ret

/*
 * report - print what has arrived, and what follows from it. That rcx, cs or ss
 * differ from what SYSRET leaves is proof of IRET; that r11 differs from RFLAGS
 * as well, and RFLAGS can only have been PLAIN_FLAGS, plus RF in one case.
 */
report:
	leaq	text_report_rcx(%rip), %rsi
	call	print
	movq	seen_rcx, %rdi
	call	print_hex
	leaq	text_report_r11(%rip), %rsi
	call	print
	movq	seen_r11, %rdi
	call	print_hex
	leaq	text_report_cs(%rip), %rsi
	call	print
	movzwl	seen_cs, %edi
	call	print_hex
	leaq	text_report_ss(%rip), %rsi
	call	print
	movzwl	seen_ss, %edi
	call	print_hex

	leaq	text_iret(%rip), %rsi
	movq	frame + FRAME_ip, %rax
	cmpq	%rax, seen_rcx
	jne	print
	cmpw	$USER_CS, seen_cs
	jne	print
	cmpw	$USER_DS, seen_ss
	jne	print
	movq	seen_r11, %rax
	andq	$~EFLAGS_RF, %rax
	cmpq	$PLAIN_FLAGS, %rax
	jne	print
	leaq	text_either(%rip), %rsi
	jmp	print

/* set_handler - rt_sigaction. In: %edi = signal, %rsi = struct sigaction. */
set_handler:
	xorl	%edx, %edx			/* the old one does not matter */
	movl	$8, %r10d			/* bytes of a signal mask */
	movl	$__NR_rt_sigaction, %eax
	syscall
	ret

/* on_sigsegv - note the address, and change the frame so that it leads to landed. */
on_sigsegv:
	movq	UC_ip(%rdx), %rax
	movq	%rax, fault_address
	movq	$landed, UC_ip(%rdx)
	ret					/* to sigreturn */

/* on_sigtrap - count the traps at stuck_here; three are proof of being stuck. */
on_sigtrap:
	cmpq	$stuck_here, UC_ip(%rdx)
	jne	sigtrap_done
	incl	traps_at_stuck_here
	cmpl	$3, traps_at_stuck_here
	jb	sigtrap_done
	andq	$~EFLAGS_TF, UC_flags(%rdx)	/* let us go */
sigtrap_done:
	ret					/* to sigreturn */

/* Where a handler returns to: the restorer of struct sigaction. */
sigreturn:
	movl	$__NR_rt_sigreturn, %eax
	syscall

/* print - a text that ends in NUL, to standard output. In: %rsi. */
print:
	xorl	%edx, %edx
print_count:
	cmpb	$0, (%rsi, %rdx)
	je	print_write
	incl	%edx
	jmp	print_count
print_write:
	movl	$1, %edi
	movl	$__NR_write, %eax
	syscall
	ret

print_newline:
	leaq	text_newline(%rip), %rsi
	jmp	print

/* print_hex - a number without leading zeros. In: %rdi. */
print_hex:
	leaq	hex_end(%rip), %rsi
hex_next:
	movl	%edi, %eax
	andl	$15, %eax
	movb	hex_digits(%rax), %al
	decq	%rsi
	movb	%al, (%rsi)
	shrq	$4, %rdi
	jnz	hex_next
	jmp	print

	.section .rodata, "a"
hex_digits:
	.ascii	"0123456789abcdef"
text_sysret:
	.asciz	"0 all checks hold\n"
text_rcx:
	.asciz	"1 rcx is not rip\n"
text_canonical:
	.asciz	"2 rip is not canonical\n"
text_cs:
	.asciz	"3 cs is not 0x33\n"
text_flags:
	.asciz	"4 r11 is not rflags\n"
text_rf:
	.asciz	"5 RF is set\n"
text_ss:
	.asciz	"6 ss is not 0x2b\n"
text_tf:
	.asciz	"7 TF is set\n"
text_report_rcx:
	.asciz	"  rcx "
text_report_r11:
	.asciz	" r11 "
text_report_cs:
	.asciz	" cs "
text_report_ss:
	.asciz	" ss "
text_iret:
	.asciz	": IRET, SYSRET cannot do that\n"
text_either:
	.asciz	": no difference to be seen from ring 3\n"
text_sigsegv:
	.asciz	"  SIGSEGV at "
text_moved_on:
	.asciz	"  one trap at stuck_here: IRET\n"
text_stuck:
	.asciz	"  stuck at stuck_here: SYSRET\n"
text_newline:
	.asciz	"\n"

	/* struct sigaction: handler, flags, restorer, mask. */
	.balign	8
sigsegv_action:
	.quad	on_sigsegv, SA_SIGINFO | SA_RESTORER, sigreturn, 0
sigtrap_action:
	.quad	on_sigtrap, SA_SIGINFO | SA_RESTORER, sigreturn, 0

	.data
	/* struct user_desc: a flat data segment; -1 lets the kernel choose the entry. */
	.balign	4
user_desc:
	.long	-1				/* entry number */
	.long	0				/* base */
	.long	0xfffff				/* limit, in pages */
	.long	0x51				/* 32-bit, writable data, limit in pages, usable */

	.bss
	.balign	16
frame:						/* struct rt_sigframe */
	.skip	FRAME_SIZE
seen_rcx:
	.skip	8
seen_r11:
	.skip	8
fault_address:
	.skip	8
traps_at_stuck_here:
	.skip	4
seen_cs:
	.skip	2
seen_ss:
	.skip	2
	.skip	16				/* sixteen digits */
hex_end:
	.skip	1				/* and a NUL */
	.balign	16
	.skip	4096
stack_top:
