/*
 * processor.h - bits and numbers the processor gives a meaning to.
 * Source: Intel SDM volume 3 (system registers) and volume 4 (MSRs).
 */
#ifndef PROCESSOR_H
#define PROCESSOR_H

/* Control registers */
#define X86_CR0_PE              0x00000001      /* protected mode */
#define X86_CR0_MP              0x00000002      /* monitor coprocessor */
#define X86_CR0_ET              0x00000010      /* fixed 1 */
#define X86_CR0_NE              0x00000020      /* x87 errors as #MF */
#define X86_CR0_WP              0x00010000      /* read-only holds in ring 0 too */
#define X86_CR0_PG              0x80000000      /* paging */
#define X86_CR4_PAE             0x00000020      /* 8-byte page-table entries */
#define X86_CR4_OSFXSR          0x00000200      /* SSE instructions exist */
#define X86_CR4_OSXMMEXCPT      0x00000400      /* SSE errors as #XM */
#define X86_CR4_PCIDE           0x00020000      /* CR3 bits 0..11 name a PCID */
#define X86_CR4_OSXSAVE         0x00040000      /* XCR0 says which state there is */
#define X86_CR4_SMEP            0x00100000      /* ring 0 may not execute user pages */
#define X86_CR4_SMAP            0x00200000      /* ring 0 may not touch them, unless EFLAGS.AC */

/* XCR0: vector state that programs may use */
#define XFEATURE_FP             0x1
#define XFEATURE_SSE            0x2
#define XFEATURE_YMM            0x4

/* RFLAGS */
#define X86_EFLAGS_CF           0x00000001
#define X86_EFLAGS_FIXED        0x00000002
#define X86_EFLAGS_PF           0x00000004
#define X86_EFLAGS_AF           0x00000010
#define X86_EFLAGS_ZF           0x00000040
#define X86_EFLAGS_SF           0x00000080
#define X86_EFLAGS_TF           0x00000100      /* trap after each instruction */
#define X86_EFLAGS_IF           0x00000200      /* interrupts on */
#define X86_EFLAGS_DF           0x00000400      /* string instructions go down */
#define X86_EFLAGS_OF           0x00000800
#define X86_EFLAGS_IOPL         0x00003000      /* ring that may do port I/O */
#define X86_EFLAGS_NT           0x00004000      /* nested task */
#define X86_EFLAGS_RF           0x00010000      /* resume: skip instruction breakpoints once */
#define X86_EFLAGS_AC           0x00040000      /* alignment check; opens SMAP in ring 0 */
#define X86_EFLAGS_ID           0x00200000      /* CPUID exists */

/* What the kernel wants clear from its first instruction on: 0x257fd5. */
#define SYSCALL_MASK_FLAGS      (X86_EFLAGS_CF | X86_EFLAGS_PF | X86_EFLAGS_AF | X86_EFLAGS_ZF | \
                                 X86_EFLAGS_SF | X86_EFLAGS_TF | X86_EFLAGS_IF | X86_EFLAGS_DF | \
                                 X86_EFLAGS_OF | X86_EFLAGS_IOPL | X86_EFLAGS_NT | X86_EFLAGS_RF | \
                                 X86_EFLAGS_AC | X86_EFLAGS_ID)

/* Model-specific registers */
#define MSR_IA32_SYSENTER_CS    0x00000174
#define MSR_IA32_SYSENTER_ESP   0x00000175
#define MSR_IA32_SYSENTER_EIP   0x00000176
#define MSR_EFER                0xc0000080
#define MSR_STAR                0xc0000081      /* selectors of SYSCALL and SYSRET */
#define MSR_LSTAR               0xc0000082      /* where SYSCALL in 64-bit code goes */
#define MSR_CSTAR               0xc0000083      /* where SYSCALL in 32-bit code goes */
#define MSR_SYSCALL_MASK        0xc0000084      /* RFLAGS bits SYSCALL clears (FMASK) */
#define MSR_FS_BASE             0xc0000100
#define MSR_GS_BASE             0xc0000101
#define MSR_KERNEL_GS_BASE      0xc0000102      /* what SWAPGS exchanges GS_BASE with */

#define EFER_SCE                0x00000001      /* SYSCALL and SYSRET exist */
#define EFER_LME                0x00000100      /* long mode, once paging is on */
#define EFER_NX                 0x00000800      /* page-table bit 63 forbids execution */

/* Page-table entries */
#define _PAGE_PRESENT           0x001
#define _PAGE_RW                0x002
#define _PAGE_USER              0x004
#define _PAGE_ACCESSED          0x020
#define _PAGE_DIRTY             0x040
#define _PAGE_PSE               0x080           /* a 2 MiB page */
#define _PAGE_BIT_NX            63
#define _PAGE_NX                0x8000000000000000
#define _PAGE_ADDRESS           0x000ffffffffff000

/* Entries that point to a table: permissive, the last level decides. */
#define _KERNPG_TABLE           (_PAGE_PRESENT | _PAGE_RW | _PAGE_ACCESSED | _PAGE_DIRTY)
#define _PAGE_TABLE             (_KERNPG_TABLE | _PAGE_USER)

/* Last-level entries */
#define PAGE_KERNEL             (_KERNPG_TABLE | _PAGE_NX)
#define PAGE_KERNEL_RO          (_PAGE_PRESENT | _PAGE_ACCESSED | _PAGE_DIRTY | _PAGE_NX)
#define PAGE_KERNEL_ROX         (_PAGE_PRESENT | _PAGE_ACCESSED | _PAGE_DIRTY)
#define PAGE_KERNEL_LARGE_EXEC  (_KERNPG_TABLE | _PAGE_PSE)
#define PAGE_READONLY           (_PAGE_PRESENT | _PAGE_USER | _PAGE_ACCESSED | _PAGE_NX)
#define PAGE_READONLY_EXEC      (_PAGE_PRESENT | _PAGE_USER | _PAGE_ACCESSED)
#define PAGE_SHARED             (_PAGE_TABLE | _PAGE_NX)        /* readable and writable */

/*
 * Page-table isolation. Each address space has two top-level tables, 4 KiB
 * apart: setting bit 12 of CR3 turns the kernel's into the user's. Bit 11 does
 * the same for the PCID, so that the TLB keeps the two apart; bit 63 of a value
 * written to CR3 says "keep what the TLB holds for this PCID".
 */
#define PTI_USER_PGTABLE_BIT    12
#define PTI_USER_PCID_BIT       11
#define X86_CR3_NOFLUSH_BIT     63
#define PTI_USER_PGTABLE_MASK   (1 << PTI_USER_PGTABLE_BIT)
#define PTI_USER_PCID_MASK      (1 << PTI_USER_PCID_BIT)
#define PTI_USER_PGTABLE_AND_PCID_MASK  (PTI_USER_PGTABLE_MASK | PTI_USER_PCID_MASK)

/* Exception vectors */
#define X86_TRAP_DE             0
#define X86_TRAP_DB             1
#define X86_TRAP_NMI            2
#define X86_TRAP_BP             3
#define X86_TRAP_OF             4
#define X86_TRAP_BR             5
#define X86_TRAP_UD             6
#define X86_TRAP_NM             7
#define X86_TRAP_DF             8
#define X86_TRAP_TS             10
#define X86_TRAP_NP             11
#define X86_TRAP_SS             12
#define X86_TRAP_GP             13
#define X86_TRAP_PF             14
#define X86_TRAP_MF             16
#define X86_TRAP_AC             17
#define X86_TRAP_MC             18
#define X86_TRAP_XF             19
#define IA32_SYSCALL_VECTOR     0x80

/* Gates of the IDT: type 14 is an interrupt gate, which clears IF on entry. */
#define GATE_INTERRUPT          0x8e            /* present, DPL 0 */
#define GATE_INTERRUPT_USER     0xee            /* present, DPL 3: ring 3 may use INT n */

/* Interrupt stack table slots of the TSS (1..7; 0 is "no IST") */
#define IST_INDEX_DF            1
#define IST_INDEX_NMI           2
#define IST_INDEX_DB            3
#define IST_INDEX_MCE           4

#endif
