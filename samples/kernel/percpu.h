/*
 * percpu.h - variables every processor has its own copy of.
 *
 * In the kernel GS.base points to this processor's copy, so a per-CPU variable
 * is an offset, and %gs: makes it an address. Ring 3 has a GS.base of its own:
 * SWAPGS exchanges the two on every way in and out.
 */
#ifndef PERCPU_H
#define PERCPU_H

#define PER_CPU_VAR(variable)   %gs:variable

/* 64-bit TSS: all that is left of it is stack pointers. */
#define TSS_sp0                 4               /* ring 0 stack for gates without IST */
#define TSS_sp1                 12              /* unused by hardware: kernel stack top kept here */
#define TSS_sp2                 20              /* unused by hardware: scratch for the user RSP */
#define TSS_SIZE                104

/* Where SYSCALL finds its stack. */
#define cpu_current_top_of_stack  cpu_tss_rw + TSS_sp1

#endif
