/*
 * entry_64_compat.S - the ways in for 32-bit code: INT 0x80, SYSENTER, and
 * SYSCALL as AMD's processors have it in compatibility mode.
 *
 * All three take the i386 numbers and arguments:
 *      eax = number; ebx, ecx, edx, esi, edi, ebp = arguments
 * The two fast ones destroy registers they carry arguments in, and so need help
 * from the code around them: vdso32.S.
 */
#include "linkage.h"
#include "calling.h"
#include "errno.h"

	.section .entry.text, "ax"
	.balign	PAGE_SIZE, 0xcc			/* whole pages are ours, see pti.S */
SYM_INNER_LABEL(__entry_compat_text)

/*
 * entry_INT80_compat - the oldest gate, through the IDT, usable from 64-bit code
 * as well.
 *
 * What INT has done:       checked that the gate's DPL (3) allows ring 3,
 *                          RSP := TSS.sp0, the trampoline stack; pushed SS, RSP,
 *                          RFLAGS, CS and RIP there; cleared IF and TF
 */
SYM_CODE_START(entry_INT80_compat)
	endbr64
	movl	%eax, %eax			/* numbers have 32 bits: clear the rest */
	pushq	%rax				/* pt_regs->orig_ax */
	PUSH_AND_CLEAR_REGS rax=$-ENOSYS
	call	error_entry			/* GS, CR3, stack: as for an exception */
	movq	%rax, %rsp
	movq	%rsp, %rdi
	call	do_int80_syscall_32
	jmp	swapgs_restore_regs_and_return_to_usermode
SYM_CODE_END(entry_INT80_compat)

/*
 * entry_SYSENTER_compat - Intel's fast gate.
 *
 * What SYSENTER has done:  RSP, RIP and CS from its three MSRs, cleared IF
 * What it has not done:    it has saved neither RIP nor RSP. The caller keeps RSP
 *                          in ebp, and RIP is where we choose: the landing pad.
 *                          TF is not cleared either, see exc_debug.
 */
SYM_CODE_START(entry_SYSENTER_compat)
	endbr64
	swapgs
	pushq	%rax				/* on the trampoline stack: rax is scratch now */
	SWITCH_TO_KERNEL_CR3 scratch_reg=%rax
	popq	%rax
	movq	PER_CPU_VAR(cpu_current_top_of_stack), %rsp

	pushq	$__USER_DS			/* pt_regs->ss */
	pushq	$0				/* pt_regs->sp: from ebp, later */
	pushfq					/* pt_regs->flags: the user's, but for IF */
	pushq	$__USER32_CS			/* pt_regs->cs */
	pushq	$0				/* pt_regs->ip: the landing pad, later */
	movl	%eax, %eax
	pushq	%rax				/* pt_regs->orig_ax */
	PUSH_AND_CLEAR_REGS rax=$-ENOSYS
	cld					/* SYSENTER has no FMASK: DF is the user's */
	ASM_CLAC				/* and so is AC */
	pushq	$X86_EFLAGS_FIXED
	popfq					/* and so are NT, TF and the rest */

	movq	%rsp, %rdi
	call	do_SYSENTER_32
	testl	%eax, %eax
	jz	swapgs_restore_regs_and_return_to_usermode
	jmp	sysret32_from_system_call
SYM_CODE_END(entry_SYSENTER_compat)

/*
 * entry_SYSCALL_compat - where CSTAR points.
 *
 * As entry_SYSCALL_64; but 32-bit code cannot spare a register for the second
 * argument while ecx holds the return address, so ebp carries it.
 */
SYM_CODE_START(entry_SYSCALL_compat)
	endbr64
	swapgs
	movl	%esp, %r8d			/* 32-bit code has no r8: free for us */
	SWITCH_TO_KERNEL_CR3 scratch_reg=%rsp
	movq	PER_CPU_VAR(cpu_current_top_of_stack), %rsp

	pushq	$__USER_DS			/* pt_regs->ss */
	pushq	%r8				/* pt_regs->sp */
	pushq	%r11				/* pt_regs->flags */
	pushq	$__USER32_CS			/* pt_regs->cs */
	pushq	%rcx				/* pt_regs->ip */
	movl	%eax, %eax
	pushq	%rax				/* pt_regs->orig_ax */
	PUSH_AND_CLEAR_REGS rcx=%rbp, rax=$-ENOSYS

	movq	%rsp, %rdi
	call	do_fast_syscall_32
	testl	%eax, %eax
	jz	swapgs_restore_regs_and_return_to_usermode

/*
 * SYSRETL: SYSRET to 32-bit code, CS := STAR[63:48]. RIP comes from ecx and the
 * flags from r11 again; the landing pad pops ecx and edx, so losing ecx is fine.
 */
SYM_INNER_LABEL(sysret32_from_system_call)
	movq	RBX(%rsp), %rbx
	movq	RBP(%rsp), %rbp
	movq	RAX(%rsp), %rax
	movq	RDX(%rsp), %rdx
	movq	RSI(%rsp), %rsi
	movq	RDI(%rsp), %rdi
	movq	EFLAGS(%rsp), %r11
	movq	RIP(%rsp), %rcx
	movq	RSP(%rsp), %rsp			/* the last thing taken from this stack */
	SWITCH_TO_USER_CR3 scratch_reg=%r8
	xorl	%r8d, %r8d			/* 64-bit registers: leak nothing of the kernel */
	xorl	%r9d, %r9d
	xorl	%r10d, %r10d
	xorl	%r12d, %r12d
	xorl	%r13d, %r13d
	xorl	%r14d, %r14d
	xorl	%r15d, %r15d
	swapgs
	sysretl
	int3
SYM_CODE_END(entry_SYSCALL_compat)

	.balign	PAGE_SIZE, 0xcc
SYM_INNER_LABEL(__entry_compat_text_end)
	.globl	__entry_compat_text_size
	.set	__entry_compat_text_size, __entry_compat_text_end - __entry_compat_text
