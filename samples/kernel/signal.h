/*
 * signal.h - signals, and the frame a handler finds on its stack: struct
 * rt_sigframe, as Linux lays it out for x86-64. Offsets from its start.
 */
#ifndef SIGNAL_H
#define SIGNAL_H

#define SIGILL                  4
#define SIGTRAP                 5
#define SIGBUS                  7
#define SIGFPE                  8
#define SIGKILL                 9
#define SIGSEGV                 11
#define SIGSTOP                 19
#define NSIG                    64

/* si_code: what exactly happened */
#define FPE_INTDIV              1
#define FPE_FLTINV              7
#define ILL_ILLOPN              2
#define SEGV_MAPERR             1
#define TRAP_TRACE              2
#define BUS_ADRALN              1
#define SI_KERNEL               0x80

/* struct sigaction, as rt_sigaction takes it */
#define SA_handler              0
#define SA_flags                8
#define SA_restorer             16              /* where the handler's RET goes */
#define SA_mask                 24
#define SIGACTION_SIZE          32
#define SA_RESTORER             0x04000000
#define SA_NODEFER              0x40000000
#define SIG_DFL                 0
#define SIG_IGN                 1

/* struct rt_sigframe */
#define FRAME_pretcode          0               /* return address of the handler */
#define FRAME_uc                8               /* struct ucontext: 3rd argument of the handler */
#define FRAME_uc_flags          8
#define FRAME_uc_link           16
#define FRAME_uc_stack          24
#define FRAME_r8                48              /* struct sigcontext: the registers */
#define FRAME_r9                56
#define FRAME_r10               64
#define FRAME_r11               72
#define FRAME_r12               80
#define FRAME_r13               88
#define FRAME_r14               96
#define FRAME_r15               104
#define FRAME_di                112
#define FRAME_si                120
#define FRAME_bp                128
#define FRAME_bx                136
#define FRAME_dx                144
#define FRAME_ax                152
#define FRAME_cx                160
#define FRAME_sp                168
#define FRAME_ip                176
#define FRAME_flags             184
#define FRAME_cs                192             /* 16 bits, as the next three */
#define FRAME_gs                194
#define FRAME_fs                196
#define FRAME_ss                198
#define FRAME_err               200
#define FRAME_trapno            208
#define FRAME_oldmask           216
#define FRAME_cr2               224
#define FRAME_fpstate           232
#define FRAME_sigmask           304
#define FRAME_info              312             /* siginfo_t: 2nd argument of the handler */
#define FRAME_si_signo          312
#define FRAME_si_code           320
#define FRAME_si_addr           328
#define FRAME_SIZE              440

#define UC_SIGCONTEXT_SS        2               /* ss is saved ... */
#define UC_STRICT_RESTORE_SS    4               /* ... and restored as it is */

/* Bytes below RSP that belong to the interrupted function (psABI section 3.2.2). */
#define REDZONE_SIZE            128

#endif
