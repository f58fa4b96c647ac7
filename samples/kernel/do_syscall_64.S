/*
 * do_syscall_64.S - from the number to the handler. In Linux this is C; the
 * calls and their arguments are the same here.
 */
#include "linkage.h"
#include "calling.h"
#include "errno.h"
#include "unistd.h"

	.text

/*
 * ARRAY_INDEX_NOSPEC - keep a number below a limit even in code the processor
 * runs ahead on a wrongly predicted branch. No branch here: CMP borrows (CF = 1)
 * if index < limit, SBB makes all ones of the borrow, and AND keeps the index;
 * otherwise the mask is 0, and so is the index.
 */
.macro ARRAY_INDEX_NOSPEC index:req limit:req mask:req
	cmpq	$\limit, \index
	sbbq	\mask, \mask
	andq	\mask, \index
.endm

/*
 * do_syscall_64(struct pt_regs *regs, int nr)
 * In:  %rdi = regs, %rsi = nr, sign-extended; interrupts off
 * Out: regs->ax = result; interrupts off
 */
SYM_FUNC_START(do_syscall_64)
	pushq	%rbx
	movq	%rdi, %rbx			/* regs, across the calls */
	sti					/* pt_regs is complete: from here on we may be interrupted */

	movl	%esi, %esi			/* as unsigned, -1 is too big as well: one comparison does */
	cmpq	$NR_syscalls, %rsi
	jae	.Lno_such_call
	ARRAY_INDEX_NOSPEC index=%rsi, limit=NR_syscalls, mask=%rax

	movq	sys_call_table(, %rsi, 8), %rax	/* 8 bytes a row */
	call	*%rax				/* __x64_sys_xyzzy(regs) */
	movq	%rax, RAX(%rbx)			/* POP_REGS will load it */

.Lexit_to_user_mode:
	cli					/* the way out must not be interrupted */
	popq	%rbx
	ret

.Lno_such_call:
	cmpl	$-1, %esi			/* -1 is "skip the call": a debugger's way */
	je	.Lexit_to_user_mode		/* to leave its own value in regs->ax */
	call	sys_ni_syscall
	movq	%rax, RAX(%rbx)
	jmp	.Lexit_to_user_mode
SYM_FUNC_END(do_syscall_64)

/* sys_ni_syscall - the row of every call that is not implemented. */
SYM_FUNC_START(sys_ni_syscall)
	movq	$-ENOSYS, %rax
	ret
SYM_FUNC_END(sys_ni_syscall)

/*
 * do_int80_syscall_32(struct pt_regs *regs) - the same for the i386 numbers.
 * Here regs->orig_ax is the number.
 */
SYM_FUNC_START(do_int80_syscall_32)
	pushq	%rbx
	movq	%rdi, %rbx
	sti

	movl	ORIG_RAX(%rdi), %esi
	cmpq	$IA32_NR_syscalls, %rsi
	jae	.Lno_such_ia32_call
	ARRAY_INDEX_NOSPEC index=%rsi, limit=IA32_NR_syscalls, mask=%rax

	movq	ia32_sys_call_table(, %rsi, 8), %rax
	call	*%rax				/* __ia32_sys_xyzzy(regs) */
	movq	%rax, RAX(%rbx)

.Lexit_to_user_mode_32:
	cli
	popq	%rbx
	ret

.Lno_such_ia32_call:
	cmpl	$-1, %esi
	je	.Lexit_to_user_mode_32
	call	sys_ni_syscall
	movq	%rax, RAX(%rbx)
	jmp	.Lexit_to_user_mode_32
SYM_FUNC_END(do_int80_syscall_32)

/*
 * do_SYSENTER_32(struct pt_regs *regs) - SYSENTER saved neither stack nor flags'
 * IF: supply both, then go on as for a 32-bit SYSCALL.
 */
SYM_FUNC_START(do_SYSENTER_32)
	movl	RBP(%rdi), %eax			/* the user's esp, by convention */
	movq	%rax, RSP(%rdi)
	orq	$X86_EFLAGS_IF, EFLAGS(%rdi)
	jmp	do_fast_syscall_32
SYM_FUNC_END(do_SYSENTER_32)

/*
 * do_fast_syscall_32(struct pt_regs *regs)
 * Out: %eax = 1 if SYSRETL will do for the way out, 0 if it takes IRET
 */
SYM_FUNC_START(do_fast_syscall_32)
	pushq	%rbx
	movq	%rdi, %rbx

	/* Whatever happens, go on at the landing pad. */
	movl	$vdso32_landing_pad, %eax
	movq	%rax, RIP(%rbx)

	/* The 6th argument, ebp, is on top of the user's stack. */
	movl	RSP(%rbx), %edi
	call	get_user_4
	testq	%rax, %rax
	jnz	.Lfast_fault
	movl	%edx, %edx
	movq	%rdx, RBP(%rbx)

	movq	%rbx, %rdi
	call	do_int80_syscall_32

	/* As in entry_SYSCALL_64: would SYSRETL load what regs asks for? */
	movl	$vdso32_landing_pad, %eax
	cmpq	%rax, RIP(%rbx)
	jne	.Lfast_iret
	cmpq	$__USER32_CS, CS(%rbx)
	jne	.Lfast_iret
	cmpq	$__USER_DS, SS(%rbx)
	jne	.Lfast_iret
	testq	$(X86_EFLAGS_RF | X86_EFLAGS_TF), EFLAGS(%rbx)
	jnz	.Lfast_iret
	movl	$1, %eax
	popq	%rbx
	ret

.Lfast_fault:
	movq	$-EFAULT, RAX(%rbx)		/* no stack, no call */
.Lfast_iret:
	xorl	%eax, %eax
	popq	%rbx
	ret
SYM_FUNC_END(do_fast_syscall_32)
