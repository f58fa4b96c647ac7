/*
 * calling.h - what all ways into the kernel share: the shape of pt_regs, the
 * macros that build and undo it, and the switch between the two page tables.
 *
 * pt_regs is the user's register file, pushed on the kernel stack. The stack
 * grows down, so the last register pushed (r15) has the lowest address, and
 * %rsp points to it: 21 slots of 8 bytes.
 *
 *      offset  slot      pushed by
 *      0xa0    SS        the processor, or our code imitating it
 *      0x98    RSP         (SYSCALL pushes nothing)
 *      0x90    EFLAGS
 *      0x88    CS
 *      0x80    RIP
 *      0x78    ORIG_RAX  system-call number, or error code, or -1
 *      0x70    RDI       PUSH_REGS, from here down
 *      ...
 *      0x00    R15
 */
#ifndef CALLING_H
#define CALLING_H

#include "layout.h"
#include "processor.h"
#include "segment.h"
#include "percpu.h"

/* Registers a C function must give back unchanged. */
#define R15             0*8
#define R14             1*8
#define R13             2*8
#define R12             3*8
#define RBP             4*8
#define RBX             5*8
/* Registers a C function may change. */
#define R11             6*8
#define R10             7*8
#define R9              8*8
#define R8              9*8
#define RAX             10*8
#define RCX             11*8
#define RDX             12*8
#define RSI             13*8
#define RDI             14*8
/* Why we are here. */
#define ORIG_RAX        15*8
/* The frame IRETQ takes. */
#define RIP             16*8
#define CS              17*8
#define EFLAGS          18*8
#define RSP             19*8
#define SS              20*8

#define PTREGS_SIZE     21*8

/*
 * PUSH_REGS - the fifteen general registers, as values or as replacements.
 * The arguments name what to store in a slot when the register no longer holds
 * the user's value: rax=$-ENOSYS makes "no such call" the answer until a
 * handler gives a better one.
 */
.macro PUSH_REGS rdx=%rdx rcx=%rcx rax=%rax
	pushq	%rdi			/* pt_regs->di: 1st argument of a system call */
	pushq	%rsi			/* pt_regs->si: 2nd */
	pushq	\rdx			/* pt_regs->dx: 3rd */
	pushq	\rcx			/* pt_regs->cx: SYSCALL put the return address here */
	pushq	\rax			/* pt_regs->ax: becomes the result */
	pushq	%r8			/* pt_regs->r8: 5th */
	pushq	%r9			/* pt_regs->r9: 6th */
	pushq	%r10			/* pt_regs->r10: 4th, in the place of rcx */
	pushq	%r11			/* pt_regs->r11: SYSCALL put RFLAGS here */
	pushq	%rbx			/* pt_regs->bx */
	pushq	%rbp			/* pt_regs->bp */
	pushq	%r12			/* pt_regs->r12 */
	pushq	%r13			/* pt_regs->r13 */
	pushq	%r14			/* pt_regs->r14 */
	pushq	%r15			/* pt_regs->r15: %rsp is now the struct pt_regs * */
.endm

/*
 * CLEAR_REGS - zero what the user could otherwise steer kernel code with,
 * speculatively or through a bug. rdi and rax stay: the caller overwrites rdi
 * at once and still needs the number in eax. A 32-bit XOR clears all 64 bits.
 */
.macro CLEAR_REGS
	xorl	%esi, %esi
	xorl	%edx, %edx
	xorl	%ecx, %ecx
	xorl	%r8d, %r8d
	xorl	%r9d, %r9d
	xorl	%r10d, %r10d
	xorl	%r11d, %r11d
	xorl	%ebx, %ebx
	xorl	%ebp, %ebp		/* and ends the chain of frame pointers */
	xorl	%r12d, %r12d
	xorl	%r13d, %r13d
	xorl	%r14d, %r14d
	xorl	%r15d, %r15d
.endm

/* Both: first save, then clear, so no user value survives outside pt_regs. */
.macro PUSH_AND_CLEAR_REGS rdx=%rdx rcx=%rcx rax=%rax
	PUSH_REGS rdx=\rdx, rcx=\rcx, rax=\rax
	CLEAR_REGS
.endm

/*
 * POP_REGS - the way back. With pop_rdi=0 the last pop is left out: the ways to
 * ring 3 need one register to move to the trampoline stack with, and %rdi is it.
 */
.macro POP_REGS pop_rdi=1
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rax
	popq	%rcx
	popq	%rdx
	popq	%rsi
	.if \pop_rdi
	popq	%rdi
	.endif
.endm

/*
 * Page-table isolation: ring 3 runs on tables in which the kernel is all but
 * absent. The first thing on every way in is to load the kernel's tables, the
 * last on every way out is to load the user's. Both need one scratch register.
 *
 * cr3_noflush is bit 63 if this processor has PCIDs, else 0: with a PCID of its
 * own for each side, no switch need empty the TLB. cr3_user_bits is bit 12, and
 * with PCIDs also bits 11 and 63. (Linux writes the choice into the code itself
 * at boot; two words of per-CPU data do the same and keep the code readable.)
 *
 * %gs must be the kernel's: after the SWAPGS of a way in, before that of a way out.
 */
.macro SWITCH_TO_KERNEL_CR3 scratch_reg:req
	movq	%cr3, \scratch_reg
	andq	$(~PTI_USER_PGTABLE_AND_PCID_MASK), \scratch_reg	/* bits 12 and 11 off: kernel side */
	orq	PER_CPU_VAR(cr3_noflush), \scratch_reg			/* bit 63: keep the TLB, if allowed */
	movq	\scratch_reg, %cr3
.endm

.macro SWITCH_TO_USER_CR3 scratch_reg:req
	movq	%cr3, \scratch_reg
	orq	PER_CPU_VAR(cr3_user_bits), \scratch_reg		/* bits 12 and 11 on: user side */
	movq	\scratch_reg, %cr3
.endm

/*
 * With SMAP, ring 0 cannot touch user memory while EFLAGS.AC is 0: a stray
 * pointer faults. STAC opens the door where the kernel means it, CLAC shuts it.
 * Processors without SMAP raise #UD for either, so ask first.
 */
.macro ASM_STAC
	cmpb	$0, PER_CPU_VAR(cpu_has_smap)
	je	.Lno_stac\@
	stac
.Lno_stac\@:
.endm

.macro ASM_CLAC
	cmpb	$0, PER_CPU_VAR(cpu_has_smap)
	je	.Lno_clac\@
	clac
.Lno_clac\@:
.endm

#endif
