/*
 * entry_64.S - the ways from ring 3 into the kernel and back, for 64-bit code:
 * SYSCALL, and the exceptions.
 *
 * Everything here is in .entry.text, the part of the kernel that both page
 * tables contain: an entry begins, and an exit ends, under the user's.
 */
#include "linkage.h"
#include "calling.h"
#include "errno.h"

	.section .entry.text, "ax"
	.balign	PAGE_SIZE, 0xcc			/* whole pages are ours, see pti.S */
SYM_INNER_LABEL(__entry_64_text)

/*
 * entry_SYSCALL_64 - where LSTAR points.
 *
 * What SYSCALL has done:   RCX := RIP of the next instruction
 *                          R11 := RFLAGS, then RFLAGS &= ~FMASK
 *                          RIP := LSTAR, CS and SS from STAR, ring 0
 * What it has not done:    it has saved nothing in memory, and RSP, GS.base and
 *                          CR3 are still the user's. No stack may be used yet.
 *
 * In:  rax = number; rdi, rsi, rdx, r10, r8, r9 = arguments
 *      (r10 stands in for rcx, the 4th register of a function call)
 */
SYM_CODE_START(entry_SYSCALL_64)
	endbr64					/* a legal target for indirect branch tracking */

	swapgs					/* GS.base: the user's out, the per-CPU area in */

	/*
	 * Every register still is the user's, but %gs leads to memory now. Park the
	 * user's RSP there: that frees one register, enough to load the kernel's
	 * page tables with, and then RSP can get its new value.
	 */
	movq	%rsp, PER_CPU_VAR(cpu_tss_rw + TSS_sp2)
	SWITCH_TO_KERNEL_CR3 scratch_reg=%rsp
	movq	PER_CPU_VAR(cpu_current_top_of_stack), %rsp

SYM_INNER_LABEL(entry_SYSCALL_64_safe_stack)
	/* From here on there is a stack. Push what an interrupt would have pushed. */
	pushq	$__USER_DS			/* pt_regs->ss */
	pushq	PER_CPU_VAR(cpu_tss_rw + TSS_sp2)	/* pt_regs->sp: from where it was parked */
	pushq	%r11				/* pt_regs->flags */
	pushq	$__USER_CS			/* pt_regs->cs */
	pushq	%rcx				/* pt_regs->ip */
SYM_INNER_LABEL(entry_SYSCALL_64_after_hwframe)
	pushq	%rax				/* pt_regs->orig_ax: the number survives here */

	PUSH_AND_CLEAR_REGS rax=$-ENOSYS

	/* do_syscall_64(struct pt_regs *regs, int nr) */
	movq	%rsp, %rdi
	movslq	%eax, %rsi			/* the number is an int: bits 32..63 of rax do not count */
	call	do_syscall_64			/* returns with interrupts off */

	/*
	 * Which way out? SYSRET is fast, but takes RIP from RCX and RFLAGS from
	 * R11, and has fixed selectors. It will do if that is what pt_regs asks
	 * for; anything else (a signal handler, rt_sigreturn, a debugger's change)
	 * takes IRET, which can load every frame there is.
	 */
	movq	RCX(%rsp), %rcx
	movq	RIP(%rsp), %r11

	cmpq	%rcx, %r11			/* SYSRET: RIP := RCX. Do the two agree? */
	jne	swapgs_restore_regs_and_return_to_usermode

	/*
	 * Is it canonical? Intel's SYSRET raises #GP for an address that is not,
	 * still in ring 0 but with the user's stack: ring 3 would own the kernel.
	 * Shift bit 47 up to bit 63 and back: a canonical address stays the same.
	 */
	shlq	$16, %rcx
	sarq	$16, %rcx
	cmpq	%rcx, %r11
	jne	swapgs_restore_regs_and_return_to_usermode

	cmpq	$__USER_CS, CS(%rsp)		/* SYSRET: CS := STAR[63:48] + 16 */
	jne	swapgs_restore_regs_and_return_to_usermode

	movq	R11(%rsp), %r11
	cmpq	%r11, EFLAGS(%rsp)		/* SYSRET: RFLAGS := R11 */
	jne	swapgs_restore_regs_and_return_to_usermode

	/*
	 * RF: SYSRET always clears it. TF: after SYSRET the trap comes before the
	 * first user instruction, after IRET behind it; with SYSRET a program that
	 * single-steps itself could be stuck on one instruction for ever.
	 */
	testq	$(X86_EFLAGS_RF | X86_EFLAGS_TF), %r11
	jnz	swapgs_restore_regs_and_return_to_usermode

	cmpq	$__USER_DS, SS(%rsp)		/* SYSRET: SS := STAR[63:48] + 8 */
	jne	swapgs_restore_regs_and_return_to_usermode

	/* All hold: SYSRET does the same as IRET here, in a fraction of the time. */
SYM_INNER_LABEL(syscall_return_via_sysret)
	POP_REGS pop_rdi=0			/* rcx and r11 get RIP and RFLAGS: the checks saw to that */

	/*
	 * The kernel stack vanishes with the kernel's CR3. Carry the last two
	 * registers over on the trampoline stack, which both tables contain.
	 */
	movq	%rsp, %rdi			/* points to pt_regs->di */
	movq	PER_CPU_VAR(cpu_tss_rw + TSS_sp0), %rsp
	pushq	RSP-RDI(%rdi)			/* user RSP */
	pushq	(%rdi)				/* user RDI */
	SWITCH_TO_USER_CR3 scratch_reg=%rdi

	/*
	 * From the second pop on, ring 0 is on the user's stack. An interrupt would
	 * push its frame there: another reason why they are off.
	 */
	popq	%rdi
	popq	%rsp
SYM_INNER_LABEL(entry_SYSRETQ_unsafe_stack)
	swapgs					/* GS.base: the user's in again */
	sysretq
SYM_INNER_LABEL(entry_SYSRETQ_end)
	int3					/* nothing runs past SYSRET, not even speculatively */
SYM_CODE_END(entry_SYSCALL_64)

/*
 * The other way out, for everything: exceptions, int 0x80, the first start of a
 * program, and system calls that failed one of the checks.
 * In: %rsp = pt_regs, interrupts off.
 */
SYM_CODE_START(swapgs_restore_regs_and_return_to_usermode)
	POP_REGS pop_rdi=0

	/* To the trampoline stack: the five words IRETQ takes, and RDI. */
	movq	%rsp, %rdi			/* points to pt_regs->di */
	movq	PER_CPU_VAR(cpu_tss_rw + TSS_sp0), %rsp
	pushq	SS-RDI(%rdi)
	pushq	RSP-RDI(%rdi)
	pushq	EFLAGS-RDI(%rdi)
	pushq	CS-RDI(%rdi)
	pushq	RIP-RDI(%rdi)
	pushq	(%rdi)				/* user RDI */
	SWITCH_TO_USER_CR3 scratch_reg=%rdi
	popq	%rdi
	swapgs
	jmp	native_iret
SYM_CODE_END(swapgs_restore_regs_and_return_to_usermode)

/* An exception inside the kernel goes back there: no stack, CR3 or GS to change. */
SYM_CODE_START(restore_regs_and_return_to_kernel)
	POP_REGS
	addq	$8, %rsp			/* skip orig_ax */
SYM_INNER_LABEL(native_iret)
SYM_INNER_LABEL(native_irq_return_iret)
	/* May fault if the user's frame is bad: error_entry knows this address. */
	iretq
SYM_CODE_END(restore_regs_and_return_to_kernel)

/*
 * Exceptions. The processor has pushed SS, RSP, RFLAGS, CS and RIP, and for some
 * vectors an error code; the others push 0, so that pt_regs is always complete.
 * The handler is called as cfunc(struct pt_regs *regs, long error_code, int vector).
 */
.macro CALL_HANDLER vector:req cfunc:req
	movq	%rsp, %rdi
	movq	ORIG_RAX(%rsp), %rsi		/* the error code ... */
	movq	$-1, ORIG_RAX(%rsp)		/* ... makes room: this is no system call */
	movl	$\vector, %edx
	call	\cfunc
.endm

.macro idtentry vector:req asmsym:req cfunc:req has_error_code:req
SYM_CODE_START(\asmsym)
	endbr64
	.if \has_error_code == 0
	pushq	$0				/* no error code */
	.endif
	PUSH_AND_CLEAR_REGS
	call	error_entry			/* GS, CR3, stack: ours now */
	movq	%rax, %rsp			/* pt_regs, on the thread's stack */
	CALL_HANDLER \vector, \cfunc
	jmp	error_return
SYM_CODE_END(\asmsym)
.endm

/*
 * Vectors with a stack of their own (IST) can strike anywhere, even between
 * SYSCALL and SWAPGS. CS then says ring 0 while GS is still the user's, so from
 * ring 0 they must look at GS itself.
 */
.macro idtentry_ist vector:req asmsym:req cfunc:req has_error_code:req
SYM_CODE_START(\asmsym)
	endbr64
	.if \has_error_code == 0
	pushq	$0
	.endif
	PUSH_AND_CLEAR_REGS
	testb	$3, CS(%rsp)			/* ring of the interrupted code */
	jz	.Lparanoid\@
	call	error_entry			/* from ring 3 nothing is in doubt */
	movq	%rax, %rsp
	CALL_HANDLER \vector, \cfunc
	jmp	error_return
.Lparanoid\@:
	call	paranoid_entry
	CALL_HANDLER \vector, \cfunc
	jmp	paranoid_exit
SYM_CODE_END(\asmsym)
.endm

	idtentry X86_TRAP_DE, asm_exc_divide_error, do_error_trap, has_error_code=0
	idtentry_ist X86_TRAP_DB, asm_exc_debug, exc_debug, has_error_code=0
	idtentry_ist X86_TRAP_NMI, asm_exc_nmi, exc_nmi, has_error_code=0
	idtentry X86_TRAP_BP, asm_exc_int3, do_error_trap, has_error_code=0
	idtentry X86_TRAP_OF, asm_exc_overflow, do_error_trap, has_error_code=0
	idtentry X86_TRAP_BR, asm_exc_bounds, do_error_trap, has_error_code=0
	idtentry X86_TRAP_UD, asm_exc_invalid_op, do_error_trap, has_error_code=0
	idtentry X86_TRAP_NM, asm_exc_device_not_available, do_error_trap, has_error_code=0
	idtentry_ist X86_TRAP_DF, asm_exc_double_fault, exc_fatal, has_error_code=1
	idtentry X86_TRAP_TS, asm_exc_invalid_tss, do_error_trap, has_error_code=1
	idtentry X86_TRAP_NP, asm_exc_segment_not_present, do_error_trap, has_error_code=1
	idtentry X86_TRAP_SS, asm_exc_stack_segment, do_error_trap, has_error_code=1
	idtentry X86_TRAP_GP, asm_exc_general_protection, do_error_trap, has_error_code=1
	idtentry X86_TRAP_PF, asm_exc_page_fault, exc_page_fault, has_error_code=1
	idtentry X86_TRAP_MF, asm_exc_coprocessor_error, do_error_trap, has_error_code=0
	idtentry X86_TRAP_AC, asm_exc_alignment_check, do_error_trap, has_error_code=1
	idtentry_ist X86_TRAP_MC, asm_exc_machine_check, exc_fatal, has_error_code=0
	idtentry X86_TRAP_XF, asm_exc_simd_coprocessor_error, do_error_trap, has_error_code=0

/*
 * error_entry - make this the kernel's world, if it is not yet.
 * In:  pt_regs just above the return address
 * Out: %rax = pt_regs to go on with: from ring 3 a copy on the thread's stack
 */
SYM_CODE_START(error_entry)
	testb	$3, CS+8(%rsp)			/* +8: our return address lies below pt_regs */
	jz	.Lerror_kernelspace

	swapgs
	SWITCH_TO_KERNEL_CR3 scratch_reg=%rax
	ASM_CLAC				/* unlike SYSCALL, a gate leaves AC as it was */
	leaq	8(%rsp), %rdi
	jmp	sync_regs			/* which returns to our caller */

.Lerror_kernelspace:
	/* An IRETQ that faults belongs to ring 3: GS and CR3 were already switched. */
	leaq	native_irq_return_iret(%rip), %rcx
	cmpq	%rcx, RIP+8(%rsp)
	je	.Lerror_bad_iret
	ASM_CLAC
	leaq	8(%rsp), %rax			/* go on where we are */
	ret

.Lerror_bad_iret:
	swapgs
	SWITCH_TO_KERNEL_CR3 scratch_reg=%rax
	leaq	8(%rsp), %rdi
	jmp	fixup_bad_iret
SYM_CODE_END(error_entry)

/* error_return - back to where the exception came from. */
SYM_CODE_START(error_return)
	testb	$3, CS(%rsp)
	jz	restore_regs_and_return_to_kernel
	jmp	swapgs_restore_regs_and_return_to_usermode
SYM_CODE_END(error_return)

/*
 * paranoid_entry - the same for an IST vector that struck ring 0.
 * Out: %ebx = 1 if GS was the kernel's already, 0 if not; %r14 = CR3 to go back to
 */
SYM_CODE_START(paranoid_entry)
	movl	$MSR_GS_BASE, %ecx
	rdmsr					/* edx: upper half of GS.base */
	movl	$1, %ebx
	testl	%edx, %edx			/* kernel addresses have bit 63 set */
	js	.Lparanoid_kernel_gs
	swapgs
	xorl	%ebx, %ebx
.Lparanoid_kernel_gs:
	movq	%cr3, %r14
	SWITCH_TO_KERNEL_CR3 scratch_reg=%rax
	ret
SYM_CODE_END(paranoid_entry)

SYM_CODE_START(paranoid_exit)
	orq	PER_CPU_VAR(cr3_noflush), %r14	/* reading CR3 never gives bit 63 */
	movq	%r14, %cr3
	testl	%ebx, %ebx
	jnz	restore_regs_and_return_to_kernel
	swapgs
	jmp	restore_regs_and_return_to_kernel
SYM_CODE_END(paranoid_exit)

	.balign	PAGE_SIZE, 0xcc
SYM_INNER_LABEL(__entry_64_text_end)
	.globl	__entry_64_text_size
	.set	__entry_64_text_size, __entry_64_text_end - __entry_64_text

	.text

/*
 * sync_regs - carry pt_regs from the stack an exception began on to the thread's.
 * In:  %rdi = pt_regs
 * Out: %rax = the copy, where a system call would have built it
 */
SYM_FUNC_START(sync_regs)
	movq	%rdi, %rsi
	movq	PER_CPU_VAR(cpu_current_top_of_stack), %rdi
	subq	$PTREGS_SIZE, %rdi
	movq	%rdi, %rax
	cld					/* a gate leaves DF as it was */
	movl	$(PTREGS_SIZE / 8), %ecx
	rep movsq
	ret
SYM_FUNC_END(sync_regs)

/*
 * fixup_bad_iret - IRETQ refused the user's frame. Make it look as if ring 3 had
 * caused the exception at the place it was to return to.
 * In:  %rdi = pt_regs of the exception; its sp points to the refused frame
 * Out: %rax = pt_regs on the thread's stack: registers from the exception (they
 *      were the user's already), frame from the refused one
 */
SYM_FUNC_START(fixup_bad_iret)
	movq	RSP(%rdi), %rdx			/* the refused frame, on the trampoline stack */
	movq	%rdi, %rsi
	movq	PER_CPU_VAR(cpu_current_top_of_stack), %rdi
	subq	$PTREGS_SIZE, %rdi
	movq	%rdi, %rax
	cld
	movl	$(RIP / 8), %ecx		/* r15 ... orig_ax, the error code */
	rep movsq
	movq	%rdx, %rsi
	movl	$5, %ecx			/* ip, cs, flags, sp, ss */
	rep movsq
	orq	$3, CS(%rax)			/* whatever CS it asked for: treat it as ring 3 */
	ret
SYM_FUNC_END(fixup_bad_iret)
