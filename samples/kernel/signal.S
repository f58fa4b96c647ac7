/*
 * signal.S - signals for faults: a program may handle its own exceptions.
 *
 * The kernel pushes the interrupted registers on the user's stack and goes on in
 * the handler. The handler returns to the restorer, which calls rt_sigreturn,
 * and that loads the registers from the frame. The handler may have changed any
 * of them: this is how a program gets a pt_regs that SYSRET cannot restore.
 */
#include "linkage.h"
#include "calling.h"
#include "errno.h"
#include "signal.h"

/* RFLAGS bits a program may set through a frame. */
#define FIX_EFLAGS              (X86_EFLAGS_AC | X86_EFLAGS_OF | X86_EFLAGS_DF | X86_EFLAGS_TF | \
                                 X86_EFLAGS_SF | X86_EFLAGS_ZF | X86_EFLAGS_AF | X86_EFLAGS_PF | \
                                 X86_EFLAGS_CF | X86_EFLAGS_RF)

	.text

/*
 * rt_sigaction(int sig, const struct sigaction *act, struct sigaction *oldact,
 *              size_t sigsetsize)
 */
SYM_FUNC_START(__x64_sys_rt_sigaction)
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	movl	RDI(%rdi), %ebx			/* sig */
	movq	RSI(%rdi), %rbp			/* act */
	movq	RDX(%rdi), %r12			/* oldact */
	cmpq	$8, R10(%rdi)			/* sigsetsize */
	jne	.Lsigaction_invalid
	leal	-1(%rbx), %eax			/* unsigned: 0 is too big as well */
	cmpl	$NSIG, %eax
	jae	.Lsigaction_invalid

	shll	$5, %ebx			/* * SIGACTION_SIZE */
	addq	$sigactions, %rbx
	testq	%r12, %r12
	jz	.Lsigaction_set
	movq	%r12, %rdi
	movq	%rbx, %rsi
	movl	$SIGACTION_SIZE, %edx
	call	copy_to_user
	testq	%rax, %rax
	jnz	.Lsigaction_fault

.Lsigaction_set:
	xorl	%eax, %eax
	testq	%rbp, %rbp
	jz	.Lsigaction_done
	cmpq	$(sigactions + SIGKILL * SIGACTION_SIZE), %rbx
	je	.Lsigaction_invalid		/* nobody handles these two */
	cmpq	$(sigactions + SIGSTOP * SIGACTION_SIZE), %rbx
	je	.Lsigaction_invalid
	movq	%rbx, %rdi
	movq	%rbp, %rsi
	movl	$SIGACTION_SIZE, %edx
	call	copy_from_user
	testq	%rax, %rax
	jz	.Lsigaction_done
.Lsigaction_fault:
	movq	$-EFAULT, %rax
	jmp	.Lsigaction_done
.Lsigaction_invalid:
	movq	$-EINVAL, %rax
.Lsigaction_done:
	popq	%r12
	popq	%rbp
	popq	%rbx
	ret
SYM_FUNC_END(__x64_sys_rt_sigaction)

/*
 * setup_rt_frame - go to the handler of a signal, if there is one.
 * In:  %rdi = regs, %rsi = error code, %edx = vector, %ecx = signal,
 *      %r8d = si_code, %r9 = si_addr
 * Out: %eax = 1 if regs now lead to the handler, 0 if the signal kills
 */
SYM_FUNC_START(setup_rt_frame)
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	subq	$FRAME_SIZE, %rsp		/* build it here, copy it at the end */
	movq	%rdi, %rbx			/* regs */
	movl	%ecx, %r12d			/* signal */
	movl	%ecx, %ebp
	shll	$5, %ebp
	addq	$sigactions, %rbp		/* its struct sigaction */

	cmpq	$SIG_IGN, SA_handler(%rbp)	/* SIG_DFL is 0, SIG_IGN 1: a fault */
	jbe	.Lframe_no_handler		/* cannot be ignored */
	testl	$SA_RESTORER, SA_flags(%rbp)
	jz	.Lframe_no_handler
	leal	-1(%r12), %eax			/* the bit of this signal in masks */
	btq	%rax, sigmask
	jc	.Lframe_no_handler		/* a fault in its own handler */

	movq	%rsi, FRAME_err(%rsp)
	movq	%rdx, FRAME_trapno(%rsp)
	movl	%r12d, FRAME_si_signo(%rsp)
	movl	$0, FRAME_si_signo + 4(%rsp)	/* si_errno */
	movl	%r8d, FRAME_si_code(%rsp)
	movl	$0, FRAME_si_code + 4(%rsp)
	movq	%r9, FRAME_si_addr(%rsp)

	/* The rest of siginfo and what is reserved: zeros, not our stack's past. */
	xorl	%eax, %eax
	cld
	leaq	FRAME_fpstate(%rsp), %rdi
	movl	$((FRAME_sigmask - FRAME_fpstate) / 8), %ecx
	rep stosq
	leaq	FRAME_si_addr + 8(%rsp), %rdi
	movl	$((FRAME_SIZE - FRAME_si_addr - 8) / 8), %ecx
	rep stosq
	movq	%rax, FRAME_uc_link(%rsp)
	movq	%rax, FRAME_uc_stack(%rsp)
	movq	%rax, FRAME_uc_stack + 8(%rsp)
	movq	%rax, FRAME_uc_stack + 16(%rsp)
	movl	%eax, FRAME_gs(%rsp)		/* and fs */
	movq	$(UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS), FRAME_uc_flags(%rsp)

	/* Registers, one by one: the frame has an order of its own. */
.macro SAVE slot:req field:req
	movq	\slot(%rbx), %rax
	movq	%rax, \field(%rsp)
.endm
	SAVE	R8, FRAME_r8
	SAVE	R9, FRAME_r9
	SAVE	R10, FRAME_r10
	SAVE	R11, FRAME_r11
	SAVE	R12, FRAME_r12
	SAVE	R13, FRAME_r13
	SAVE	R14, FRAME_r14
	SAVE	R15, FRAME_r15
	SAVE	RDI, FRAME_di
	SAVE	RSI, FRAME_si
	SAVE	RBP, FRAME_bp
	SAVE	RBX, FRAME_bx
	SAVE	RDX, FRAME_dx
	SAVE	RAX, FRAME_ax
	SAVE	RCX, FRAME_cx
	SAVE	RSP, FRAME_sp
	SAVE	RIP, FRAME_ip
	SAVE	EFLAGS, FRAME_flags
	movw	CS(%rbx), %ax
	movw	%ax, FRAME_cs(%rsp)
	movw	SS(%rbx), %ax
	movw	%ax, FRAME_ss(%rsp)
	movq	%cr2, %rax
	movq	%rax, FRAME_cr2(%rsp)
	movq	sigmask, %rax
	movq	%rax, FRAME_sigmask(%rsp)
	movq	%rax, FRAME_oldmask(%rsp)
	movq	SA_restorer(%rbp), %rax
	movq	%rax, FRAME_pretcode(%rsp)

	/*
	 * Below the red zone; and aligned as if a CALL had just pushed the return
	 * address: RSP + 8 is a multiple of 16.
	 */
	movq	RSP(%rbx), %r13
	subq	$(REDZONE_SIZE + FRAME_SIZE), %r13
	andq	$-16, %r13
	subq	$8, %r13
	movq	%r13, %rdi
	movq	%rsp, %rsi
	movl	$FRAME_SIZE, %edx
	call	copy_to_user
	testq	%rax, %rax
	jnz	.Lframe_no_handler		/* no stack, no handler */

	/* The signal, and what its mask names, wait while the handler runs. */
	movq	sigmask, %rax
	orq	SA_mask(%rbp), %rax
	testl	$SA_NODEFER, SA_flags(%rbp)
	jnz	.Lframe_nodefer
	leal	-1(%r12), %ecx
	btsq	%rcx, %rax
.Lframe_nodefer:
	movq	%rax, sigmask

	/* handler(int sig, siginfo_t *info, struct ucontext *uc) */
	movq	%r12, RDI(%rbx)
	leaq	FRAME_info(%r13), %rax
	movq	%rax, RSI(%rbx)
	leaq	FRAME_uc(%r13), %rax
	movq	%rax, RDX(%rbx)
	movq	$0, RAX(%rbx)			/* number of vector registers, for varargs */
	movq	%r13, RSP(%rbx)
	movq	SA_handler(%rbp), %rax
	movq	%rax, RIP(%rbx)
	movq	$__USER_CS, CS(%rbx)
	movq	$__USER_DS, SS(%rbx)
	andq	$~(X86_EFLAGS_DF | X86_EFLAGS_RF | X86_EFLAGS_TF), EFLAGS(%rbx)
	movl	$1, %eax
	jmp	.Lframe_done
.Lframe_no_handler:
	xorl	%eax, %eax
.Lframe_done:
	addq	$FRAME_SIZE, %rsp
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	ret
SYM_FUNC_END(setup_rt_frame)

/*
 * rt_sigreturn() - load the registers from the frame a handler returned from.
 * Its argument is the stack pointer: the handler's RET has popped pretcode.
 */
SYM_FUNC_START(__x64_sys_rt_sigreturn)
	pushq	%rbx
	subq	$FRAME_SIZE, %rsp
	movq	%rdi, %rbx			/* regs */
	movq	RSP(%rbx), %rsi
	subq	$8, %rsi			/* start of the frame */
	movq	%rsp, %rdi
	movl	$FRAME_SIZE, %edx
	call	copy_from_user
	testq	%rax, %rax
	jnz	.Lsigreturn_bad

.macro RESTORE slot:req field:req
	movq	\field(%rsp), %rax
	movq	%rax, \slot(%rbx)
.endm
	RESTORE	R8, FRAME_r8
	RESTORE	R9, FRAME_r9
	RESTORE	R10, FRAME_r10
	RESTORE	R11, FRAME_r11
	RESTORE	R12, FRAME_r12
	RESTORE	R13, FRAME_r13
	RESTORE	R14, FRAME_r14
	RESTORE	R15, FRAME_r15
	RESTORE	RDI, FRAME_di
	RESTORE	RSI, FRAME_si
	RESTORE	RBP, FRAME_bp
	RESTORE	RBX, FRAME_bx
	RESTORE	RDX, FRAME_dx
	RESTORE	RAX, FRAME_ax
	RESTORE	RCX, FRAME_cx
	RESTORE	RSP, FRAME_sp
	RESTORE	RIP, FRAME_ip			/* any value: the way out will check it */

	/* Ring 3 may ask for any selector, but not for another ring. */
	movzwl	FRAME_cs(%rsp), %eax
	orl	$3, %eax
	movq	%rax, CS(%rbx)
	movzwl	FRAME_ss(%rsp), %eax
	orl	$3, %eax
	movq	%rax, SS(%rbx)

	/* IF, IOPL and their like stay what they are. */
	movq	FRAME_flags(%rsp), %rax
	andl	$FIX_EFLAGS, %eax
	andq	$~FIX_EFLAGS, EFLAGS(%rbx)
	orq	%rax, EFLAGS(%rbx)

	movq	FRAME_sigmask(%rsp), %rax
	movq	%rax, sigmask
	movq	$-1, ORIG_RAX(%rbx)		/* no call to restart */
	movq	RAX(%rbx), %rax			/* do_syscall_64 stores it where it is already */
	addq	$FRAME_SIZE, %rsp
	popq	%rbx
	ret

.Lsigreturn_bad:
	movl	$(128 + SIGSEGV), %edi		/* nowhere to go back to */
	jmp	do_exit
SYM_FUNC_END(__x64_sys_rt_sigreturn)

	.bss
	.balign	32
sigactions:					/* indexed by signal; 0 is unused */
	.skip	(NSIG + 1) * SIGACTION_SIZE
sigmask:					/* signals that wait; bit 0 is signal 1 */
	.skip	8
