/*
 * unistd.h - numbers of the system calls this kernel implements. The numbers of
 * x86-64 and of i386 are different: each gate has its own table.
 */
#ifndef UNISTD_H
#define UNISTD_H

#define __NR_read               0
#define __NR_write              1
#define __NR_brk                12
#define __NR_rt_sigaction       13
#define __NR_rt_sigreturn       15
#define __NR_sched_yield        24
#define __NR_nanosleep          35
#define __NR_getpid             39
#define __NR_exit               60
#define __NR_uname              63
#define __NR_getuid             102
#define __NR_getgid             104
#define __NR_geteuid            107
#define __NR_getegid            108
#define __NR_getppid            110
#define __NR_arch_prctl         158
#define __NR_gettid             186
#define __NR_clock_gettime      228
#define __NR_exit_group         231
#define NR_syscalls             451             /* one more than the highest, as in Linux 6.1 */

#define __NR_ia32_exit          1
#define __NR_ia32_read          3
#define __NR_ia32_write         4
#define __NR_ia32_getpid        20
#define __NR_ia32_brk           45
#define __NR_ia32_uname         122
#define __NR_ia32_getuid32      199
#define __NR_ia32_set_thread_area 243
#define __NR_ia32_exit_group    252
#define IA32_NR_syscalls        451

#endif
