/*
 * main.S - start_kernel: the order in which the kernel comes up.
 */
#include "linkage.h"

	.text
SYM_FUNC_START(start_kernel)
	call	console_init		/* the serial port: messages work from here on */
	call	memory_init		/* which physical pages are free */
	call	pti_init		/* the user page tables, and cpu_entry_area in both */
	call	cpu_init		/* GDT, IDT, TSS, GS: exceptions are reported from here on */
	call	init_8259A		/* no device interrupts */
	call	cpu_features_init	/* SMEP, SMAP, PCID, where the processor has them */
	call	fpu_init		/* x87, SSE and AVX, for the program */
	call	syscall_init		/* the MSRs of SYSCALL and SYSENTER */
	call	run_init_process	/* load the program and go to ring 3 */
	ud2				/* which has no way back to here */
SYM_FUNC_END(start_kernel)
