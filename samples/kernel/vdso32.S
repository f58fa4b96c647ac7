/*
 * vdso32.S - one page of user code, mapped at VDSO32_BASE: how 32-bit programs
 * call the kernel fast.
 *
 * SYSENTER and 32-bit SYSCALL lose what they overwrite. This code saves it on the
 * user's stack first, and the kernel returns to the landing pad, which pops it.
 * A program calls it like a function, with the arguments of int $0x80; it finds
 * the address in the entry AT_SYSINFO of its auxiliary vector.
 */
#include "linkage.h"
#include "layout.h"

	.section .rodata, "a"
	.balign	PAGE_SIZE, 0xcc
	.code32
SYM_DATA_START(vdso32_page)

/* For processors whose SYSENTER works here: Intel's. */
SYM_INNER_LABEL(__kernel_vsyscall)
	pushl	%ecx				/* the landing pad pops these three */
	pushl	%edx
	pushl	%ebp				/* also the 6th argument: the kernel fetches it from here */
	movl	%esp, %ebp			/* the only way to tell the kernel our stack */
	sysenter
	int3					/* SYSENTER never returns to the next instruction */

/* For AMD's, where SYSENTER does not exist in long mode, but SYSCALL does. */
SYM_INNER_LABEL(__kernel_vsyscall_amd)
	pushl	%ecx
	pushl	%edx
	pushl	%ebp				/* the 6th argument, again */
	movl	%ecx, %ebp			/* SYSCALL overwrites ecx: 2nd argument in ebp */
	syscall

/* Where the kernel goes back to from either. */
SYM_INNER_LABEL(int80_landing_pad)
	popl	%ebp
	popl	%edx
	popl	%ecx
	ret
	.balign	PAGE_SIZE, 0xcc
SYM_DATA_END(vdso32_page)
	.code64

	/* The addresses the program sees. */
	.globl	vdso32_sysenter, vdso32_syscall, vdso32_landing_pad
	.set	vdso32_sysenter, VDSO32_BASE + (__kernel_vsyscall - vdso32_page)
	.set	vdso32_syscall, VDSO32_BASE + (__kernel_vsyscall_amd - vdso32_page)
	.set	vdso32_landing_pad, VDSO32_BASE + (int80_landing_pad - vdso32_page)
