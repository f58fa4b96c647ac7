/*
 * sigframe.h - struct rt_sigframe, what rt_sigreturn loads the registers from:
 * offsets from its start, as Linux lays it out for x86-64.
 */
#ifndef SIGFRAME_H
#define SIGFRAME_H

#define FRAME_uc                8               /* struct ucontext */
#define FRAME_uc_flags          8
#define FRAME_r11               72
#define FRAME_cx                160
#define FRAME_sp                168
#define FRAME_ip                176
#define FRAME_flags             184
#define FRAME_cs                192             /* 16 bits */
#define FRAME_ss                198             /* 16 bits */
#define FRAME_SIZE              440

/* A signal handler gets a pointer to the ucontext inside the frame. */
#define UC_ip                   (FRAME_ip - FRAME_uc)
#define UC_flags                (FRAME_flags - FRAME_uc)

#define UC_SIGCONTEXT_SS        2               /* ss is valid ... */
#define UC_STRICT_RESTORE_SS    4               /* ... and to be restored as it is */

#endif
