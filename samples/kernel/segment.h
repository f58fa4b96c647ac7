/*
 * segment.h - selectors. A selector is 8 * index, plus the ring (0 or 3) it asks for.
 *
 * SYSCALL and SYSRET do arithmetic on selectors, so the order is theirs, not ours:
 *   SYSCALL       CS = STAR[47:32]                        SS = that + 8
 *   SYSRET 32     CS = STAR[63:48] | 3                    SS = that + 8
 *   SYSRET 64     CS = STAR[63:48] + 16 | 3               SS = STAR[63:48] + 8 | 3
 * Hence: kernel code, kernel data; user code 32, user data, user code 64.
 */
#ifndef SEGMENT_H
#define SEGMENT_H

#define GDT_ENTRY_KERNEL32_CS   1
#define GDT_ENTRY_KERNEL_CS     2
#define GDT_ENTRY_KERNEL_DS     3
#define GDT_ENTRY_DEFAULT_USER32_CS 4
#define GDT_ENTRY_DEFAULT_USER_DS   5
#define GDT_ENTRY_DEFAULT_USER_CS   6
#define GDT_ENTRY_TSS           8               /* 16 bytes: takes 9 too */
#define GDT_ENTRY_TLS_MIN       12              /* three for set_thread_area */
#define GDT_ENTRY_TLS_MAX       14
#define GDT_ENTRIES             16

#define __KERNEL32_CS           (GDT_ENTRY_KERNEL32_CS * 8)             /* 0x08 */
#define __KERNEL_CS             (GDT_ENTRY_KERNEL_CS * 8)               /* 0x10 */
#define __KERNEL_DS             (GDT_ENTRY_KERNEL_DS * 8)               /* 0x18 */
#define __USER32_CS             (GDT_ENTRY_DEFAULT_USER32_CS * 8 + 3)   /* 0x23 */
#define __USER_DS               (GDT_ENTRY_DEFAULT_USER_DS * 8 + 3)     /* 0x2b */
#define __USER_CS               (GDT_ENTRY_DEFAULT_USER_CS * 8 + 3)     /* 0x33 */

/* Descriptors: base 0, limit 4 GiB, in the split form the processor wants. */
#define DESC_CODE32             0x00cf9b000000ffff
#define DESC_CODE64             0x00af9b000000ffff
#define DESC_DATA               0x00cf93000000ffff
#define DESC_USER_CODE32        0x00cffb000000ffff
#define DESC_USER_CODE64        0x00affb000000ffff
#define DESC_USER_DATA          0x00cff3000000ffff
/* A present 64-bit TSS, base still 0, limit 103. */
#define DESC_TSS                0x0000890000000067

#endif
