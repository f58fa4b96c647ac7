/*
 * traps.S - what the kernel does about exceptions. entry_64.S has built pt_regs
 * and calls these with (struct pt_regs *regs, long error_code, int vector).
 *
 * From ring 3: a signal. Without a handler for it the registers are printed and
 * the program ends with status 128 + signal, as a shell would show it.
 * From ring 0: go on at the fixup if there is one, else print and stop.
 */
#include "linkage.h"
#include "calling.h"
#include "signal.h"

#define DR6_RESERVED            0xffff0ff0      /* DR6 with no cause in it */
#define KERNEL_PANIC_STATUS     255

/* Rows of trap_table: 32 bytes, one for each vector from 0. */
#define TRAP_signal             0
#define TRAP_code               1
#define TRAP_name               2
#define TRAP_ROW_SHIFT          5

	.text

/* The common case: everything about a vector is in its row of trap_table. */
SYM_FUNC_START(do_error_trap)
	xorl	%r9d, %r9d			/* si_addr: 0 for #GP, which has many causes, */
	cmpl	$X86_TRAP_GP, %edx
	je	fault
	movq	RIP(%rdi), %r9			/* the instruction's address for all others */
	jmp	fault
SYM_FUNC_END(do_error_trap)

/* #PF: the address that was touched is in CR2. */
SYM_FUNC_START(exc_page_fault)
	movq	%cr2, %r9
	jmp	fault
SYM_FUNC_END(exc_page_fault)

/*
 * #DB: a single-step trap, or a debug register. In ring 0 there is one way to
 * get here: SYSENTER does not clear TF, so a program that steps itself takes the
 * trap at the first instruction of entry_SYSENTER_compat. Go on without TF.
 */
SYM_FUNC_START(exc_debug)
	movl	$DR6_RESERVED, %eax
	movq	%rax, %dr6			/* the processor sets causes, never clears them */
	testb	$3, CS(%rdi)
	jz	.Ldebug_kernel
	movq	RIP(%rdi), %r9
	jmp	fault
.Ldebug_kernel:
	andq	$~X86_EFLAGS_TF, EFLAGS(%rdi)
	ret
SYM_FUNC_END(exc_debug)

/* NMI: nothing in this machine sends one that matters. */
SYM_FUNC_START(exc_nmi)
	ret
SYM_FUNC_END(exc_nmi)

/* #DF, #MC: there is nothing to go back to, whoever it was. */
SYM_FUNC_START(exc_fatal)
	jmp	die
SYM_FUNC_END(exc_fatal)

/*
 * fault - ring 3's or ring 0's?
 * In: %rdi = regs, %rsi = error code, %edx = vector, %r9 = address for si_addr
 */
SYM_FUNC_START_LOCAL(fault)
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	movq	%rdi, %rbx
	movq	%rsi, %rbp
	movl	%edx, %r12d
	testb	$3, CS(%rdi)
	jz	.Lfault_kernel

	movl	%r12d, %eax
	shll	$TRAP_ROW_SHIFT, %eax
	movzbl	trap_table + TRAP_signal(%rax), %ecx
	movzbl	trap_table + TRAP_code(%rax), %r8d
	call	setup_rt_frame
	testl	%eax, %eax
	jnz	.Lfault_done

	movq	%rbx, %rdi
	movq	%rbp, %rsi
	movl	%r12d, %edx
	call	show_fault
	movl	%r12d, %eax
	shll	$TRAP_ROW_SHIFT, %eax
	movzbl	trap_table + TRAP_signal(%rax), %edi
	addl	$128, %edi
	jmp	do_exit

.Lfault_kernel:
	movq	RIP(%rbx), %rdi
	call	search_exception_table
	testq	%rax, %rax
	jz	.Lfault_fatal
	movq	%rax, RIP(%rbx)			/* IRET will go there */
.Lfault_done:
	popq	%r12
	popq	%rbp
	popq	%rbx
	ret
.Lfault_fatal:
	movq	%rbx, %rdi
	movq	%rbp, %rsi
	movl	%r12d, %edx
	jmp	die
SYM_FUNC_END(fault)

/* die - report a fault the kernel cannot go on from, and stop. */
SYM_FUNC_START(die)
	call	show_fault
	movl	$KERNEL_PANIC_STATUS, %edi
	jmp	do_exit
SYM_FUNC_END(die)

/* panic - say what is wrong, and stop. In: %rdi = text. */
SYM_FUNC_START(panic)
	pushq	%rdi
	movq	$.Lpanic_text, %rdi
	call	print
	popq	%rdi
	call	print
	movq	$.Lnewline_text, %rdi
	call	print
	movl	$KERNEL_PANIC_STATUS, %edi
	jmp	do_exit
SYM_FUNC_END(panic)

/*
 * show_fault - one line about the exception, then the registers, three a line.
 * In: %rdi = regs, %rsi = error code, %edx = vector
 */
SYM_FUNC_START_LOCAL(show_fault)
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	movq	%rdi, %rbx
	movq	%rsi, %rbp

	movl	%edx, %eax
	shll	$TRAP_ROW_SHIFT, %eax
	leaq	trap_table + TRAP_name(%rax), %rdi
	call	print
	movq	$.Lring3_text, %rdi
	testb	$3, CS(%rbx)
	jnz	.Lshow_ring
	movq	$.Lring0_text, %rdi
.Lshow_ring:
	call	print
	movq	%rbp, %rdi
	movl	$4, %esi
	call	print_hex
	movq	$.Lnewline_text, %rdi
	call	print

	/* cr2 is not in pt_regs; all others are rows of a table. */
	movq	$register_table, %r12
.Lshow_next:
	leaq	4(%r12), %rdi			/* name, with what separates it from the last */
	call	print
	movl	(%r12), %eax			/* offset in pt_regs */
	movq	(%rbx, %rax), %rdi
	movl	$16, %esi
	call	print_hex
	addq	$16, %r12
	cmpq	$register_table_end, %r12
	jne	.Lshow_next
	movq	$.Lcr2_text, %rdi
	call	print
	movq	%cr2, %rdi
	movl	$16, %esi
	call	print_hex
	movq	$.Lnewline_text, %rdi
	call	print

	popq	%r12
	popq	%rbp
	popq	%rbx
	ret
SYM_FUNC_END(show_fault)

	.section .rodata, "a"

.Lpanic_text:
	.asciz	"kernel panic: "
.Lring3_text:
	.asciz	" in ring 3, error code "
.Lring0_text:
	.asciz	" in ring 0, error code "
.Lcr2_text:
	.asciz	" cr2 "
.Lnewline_text:
	.asciz	"\n"

.macro TRAP signal:req code:req name:req
	.byte	\signal, \code
	.asciz	"\name"
	.balign	1 << TRAP_ROW_SHIFT
.endm

	.balign	1 << TRAP_ROW_SHIFT
trap_table:
	TRAP	SIGFPE,  FPE_INTDIV,  "#DE divide error"
	TRAP	SIGTRAP, TRAP_TRACE,  "#DB debug exception"
	TRAP	SIGSEGV, SI_KERNEL,   "NMI"
	TRAP	SIGTRAP, SI_KERNEL,   "#BP breakpoint"
	TRAP	SIGSEGV, SI_KERNEL,   "#OF overflow"
	TRAP	SIGSEGV, SI_KERNEL,   "#BR bound range exceeded"
	TRAP	SIGILL,  ILL_ILLOPN,  "#UD invalid opcode"
	TRAP	SIGSEGV, SI_KERNEL,   "#NM device not available"
	TRAP	SIGSEGV, SI_KERNEL,   "#DF double fault"
	TRAP	SIGFPE,  SI_KERNEL,   "vector 9"
	TRAP	SIGSEGV, SI_KERNEL,   "#TS invalid TSS"
	TRAP	SIGBUS,  SI_KERNEL,   "#NP segment not present"
	TRAP	SIGBUS,  SI_KERNEL,   "#SS stack-segment fault"
	TRAP	SIGSEGV, SI_KERNEL,   "#GP general protection"
	TRAP	SIGSEGV, SEGV_MAPERR, "#PF page fault"
	TRAP	SIGSEGV, SI_KERNEL,   "vector 15"
	TRAP	SIGFPE,  FPE_FLTINV,  "#MF x87 error"
	TRAP	SIGBUS,  BUS_ADRALN,  "#AC alignment check"
	TRAP	SIGBUS,  SI_KERNEL,   "#MC machine check"
	TRAP	SIGFPE,  FPE_FLTINV,  "#XF SIMD error"

/* Rows of register_table: 16 bytes, offset and text. */
.macro REGISTER offset:req text:req
	.long	\offset
	.asciz	"\text"
	.balign	16
.endm

	.balign	16
register_table:
	REGISTER RIP, " rip "
	REGISTER RSP, " rsp "
	REGISTER EFLAGS, " flg "
	REGISTER CS, "\n cs  "
	REGISTER SS, " ss  "
	REGISTER RAX, " rax "
	REGISTER RBX, "\n rbx "
	REGISTER RCX, " rcx "
	REGISTER RDX, " rdx "
	REGISTER RSI, "\n rsi "
	REGISTER RDI, " rdi "
	REGISTER RBP, " rbp "
	REGISTER R8, "\n r8  "
	REGISTER R9, " r9  "
	REGISTER R10, " r10 "
	REGISTER R11, "\n r11 "
	REGISTER R12, " r12 "
	REGISTER R13, " r13 "
	REGISTER R14, "\n r14 "
	REGISTER R15, " r15 "
register_table_end:
