/*
 * syscall_table.S - number -> handler, one row of 8 bytes for each number.
 *
 * To add a call of your own: a number in unistd.h, a row here (in ascending
 * order), and a handler that takes struct pt_regs * in %rdi and returns its
 * result, or minus an error number, in %rax.
 */
#include "linkage.h"
#include "unistd.h"

	.section .rodata, "a"

/* __SYSCALL - a row; the numbers left out since the last row get sys_ni_syscall. */
.macro __SYSCALL nr:req handler:req
	.rept	\nr - next_nr
	.quad	sys_ni_syscall
	.endr
	.quad	\handler
	.set	next_nr, \nr + 1
.endm

/* __SYSCALL_END - fill up to the size of the table. */
.macro __SYSCALL_END size:req
	.rept	\size - next_nr
	.quad	sys_ni_syscall
	.endr
.endm

	.balign	64
	.set	next_nr, 0
SYM_DATA_START(sys_call_table)
	__SYSCALL __NR_read, __x64_sys_read
	__SYSCALL __NR_write, __x64_sys_write
	__SYSCALL __NR_brk, __x64_sys_brk
	__SYSCALL __NR_rt_sigaction, __x64_sys_rt_sigaction
	__SYSCALL __NR_rt_sigreturn, __x64_sys_rt_sigreturn
	__SYSCALL __NR_sched_yield, __x64_sys_sched_yield
	__SYSCALL __NR_nanosleep, __x64_sys_nanosleep
	__SYSCALL __NR_getpid, __x64_sys_getpid
	__SYSCALL __NR_exit, __x64_sys_exit
	__SYSCALL __NR_uname, __x64_sys_newuname
	__SYSCALL __NR_getuid, __x64_sys_getuid
	__SYSCALL __NR_getgid, __x64_sys_getgid
	__SYSCALL __NR_geteuid, __x64_sys_geteuid
	__SYSCALL __NR_getegid, __x64_sys_getegid
	__SYSCALL __NR_getppid, __x64_sys_getppid
	__SYSCALL __NR_arch_prctl, __x64_sys_arch_prctl
	__SYSCALL __NR_gettid, __x64_sys_gettid
	__SYSCALL __NR_clock_gettime, __x64_sys_clock_gettime
	__SYSCALL __NR_exit_group, __x64_sys_exit_group
	__SYSCALL_END NR_syscalls
SYM_DATA_END(sys_call_table)

	.set	next_nr, 0
SYM_DATA_START(ia32_sys_call_table)
	__SYSCALL __NR_ia32_exit, __ia32_sys_exit
	__SYSCALL __NR_ia32_read, __ia32_sys_read
	__SYSCALL __NR_ia32_write, __ia32_sys_write
	__SYSCALL __NR_ia32_getpid, __x64_sys_getpid	/* no arguments: one handler serves both */
	__SYSCALL __NR_ia32_brk, __ia32_sys_brk
	__SYSCALL __NR_ia32_uname, __ia32_sys_newuname
	__SYSCALL __NR_ia32_getuid32, __x64_sys_getuid
	__SYSCALL __NR_ia32_set_thread_area, __ia32_sys_set_thread_area
	__SYSCALL __NR_ia32_exit_group, __ia32_sys_exit_group
	__SYSCALL_END IA32_NR_syscalls
SYM_DATA_END(ia32_sys_call_table)
