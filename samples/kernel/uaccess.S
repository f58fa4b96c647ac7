/*
 * uaccess.S - the only code of the kernel that touches user memory.
 *
 * A user's pointer may be anything. So: first check that it lies in user space
 * at all, or the user could have the kernel read itself; then access it, and be
 * prepared to fault. Each instruction that may fault has a row in the exception
 * table, which tells where to go on; do_error_trap looks there.
 */
#include "linkage.h"
#include "calling.h"
#include "errno.h"

	.section .rodata, "a"
	.balign	8
SYM_DATA_START(__start___ex_table)

	.text

/* _ASM_EXTABLE - if the instruction at `from` faults, go on at `to`. */
.macro _ASM_EXTABLE from:req to:req
	.pushsection .rodata, "a"
	.quad	\from, \to
	.popsection
.endm

/*
 * copy_from_user, copy_to_user - as memcpy, but one side is not to be trusted.
 * In:  %rdi = to, %rsi = from, %rdx = bytes
 * Out: %rax = bytes NOT copied: 0 is success
 */
SYM_FUNC_START(copy_from_user)
	movq	%rsi, %rax
	jmp	.Lcheck_range
SYM_FUNC_END(copy_from_user)

SYM_FUNC_START(copy_to_user)
	movq	%rdi, %rax
.Lcheck_range:
	addq	%rdx, %rax			/* end of the user's range; a carry means it wraps */
	jc	.Lbad_range
	movabsq	$TASK_SIZE_MAX, %rcx
	cmpq	%rcx, %rax
	ja	.Lbad_range
	movq	%rdx, %rcx
	ASM_STAC				/* SMAP: open the door */
.Lcopy:
	rep movsb				/* a fault leaves in rcx what is still to copy */
.Lcopy_done:
	ASM_CLAC				/* and shut it */
	movq	%rcx, %rax
	ret
.Lbad_range:
	movq	%rdx, %rax
	ret
	_ASM_EXTABLE .Lcopy, .Lcopy_done
SYM_FUNC_END(copy_to_user)

/*
 * get_user_4 - one 32-bit word.
 * In:  %rdi = user address
 * Out: %rax = 0 and %edx = the word, or %rax = -EFAULT
 */
SYM_FUNC_START(get_user_4)
	movabsq	$(TASK_SIZE_MAX - 4), %rax
	cmpq	%rax, %rdi
	ja	.Lget_user_fault
	ASM_STAC
.Lget_user:
	movl	(%rdi), %edx
	ASM_CLAC
	xorl	%eax, %eax
	ret
.Lget_user_fixup:
	ASM_CLAC
.Lget_user_fault:
	movq	$-EFAULT, %rax
	ret
	_ASM_EXTABLE .Lget_user, .Lget_user_fixup
SYM_FUNC_END(get_user_4)

/*
 * search_exception_table - is a fault at this address expected?
 * In:  %rdi = address of the instruction
 * Out: %rax = where to go on, 0 if it is not expected
 */
SYM_FUNC_START(search_exception_table)
	movq	$__start___ex_table, %rax
.Lnext_row:
	cmpq	$__stop___ex_table, %rax
	je	.Lno_row
	cmpq	(%rax), %rdi
	je	.Lrow_found
	addq	$16, %rax
	jmp	.Lnext_row
.Lrow_found:
	movq	8(%rax), %rax
	ret
.Lno_row:
	xorl	%eax, %eax
	ret
SYM_FUNC_END(search_exception_table)

	.section .rodata, "a"
__stop___ex_table:
SYM_DATA_END(__start___ex_table)
