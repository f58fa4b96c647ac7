/*
 * syscall_init.S - tell the processor where the system-call instructions go.
 * WRMSR writes edx:eax to the register whose number is in ecx.
 */
#include "linkage.h"
#include "calling.h"

	.text

/* WRMSR_ADDRESS - put a 64-bit address into an MSR. */
.macro WRMSR_ADDRESS msr address
	movl	$\msr, %ecx
	movabsq	$\address, %rax
	movq	%rax, %rdx
	shrq	$32, %rdx
	wrmsr
.endm

SYM_FUNC_START(syscall_init)
	/*
	 * STAR. Bits 32..47: SYSCALL loads CS with 0x10 and SS with 0x18. Bits
	 * 48..63: SYSRET counts from 0x23, so 64-bit CS is 0x33 and SS 0x2b. The
	 * low half is the target in legacy mode, which we never are in.
	 */
	movl	$MSR_STAR, %ecx
	movl	$((__USER32_CS << 16) | __KERNEL_CS), %edx	/* 0x00230010 */
	xorl	%eax, %eax
	wrmsr

	/* LSTAR: SYSCALL in 64-bit code. CSTAR: in 32-bit code, on AMD's processors. */
	WRMSR_ADDRESS MSR_LSTAR, entry_SYSCALL_64
	WRMSR_ADDRESS MSR_CSTAR, entry_SYSCALL_compat

	/*
	 * SYSENTER: CS, and SS as the next selector; a stack, which must be mapped
	 * under the user's CR3; the target.
	 */
	movl	$MSR_IA32_SYSENTER_CS, %ecx
	movl	$__KERNEL_CS, %eax
	xorl	%edx, %edx
	wrmsr
	WRMSR_ADDRESS MSR_IA32_SYSENTER_ESP, (CEA_ENTRY_STACK + CEA_STACK_SIZE)
	WRMSR_ADDRESS MSR_IA32_SYSENTER_EIP, entry_SYSENTER_compat

	/*
	 * FMASK: flags SYSCALL clears. IF: the first instructions run on no stack
	 * of ours. TF: no single-step trap there either. DF: C code expects it 0.
	 * AC: shuts SMAP. NT: IRET must not think of tasks. The rest are cleared
	 * so that no user flag steers the kernel.
	 */
	movl	$MSR_SYSCALL_MASK, %ecx
	movl	$SYSCALL_MASK_FLAGS, %eax
	xorl	%edx, %edx
	wrmsr
	ret
SYM_FUNC_END(syscall_init)
