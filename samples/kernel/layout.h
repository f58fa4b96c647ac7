/*
 * layout.h - the map of the address space.
 *
 *   0x0000000000000000  user space, 128 TiB less one page
 *   0xffff888000000000  direct map: all of physical memory (the first GiB of it)
 *   0xfffffe0000000000  cpu_entry_area: what must be reachable under either CR3
 *   0xffffffff80000000  the kernel image, linked at this base + physical address
 */
#ifndef LAYOUT_H
#define LAYOUT_H

#define PAGE_SHIFT              12
#define PAGE_SIZE               4096
#define PAGE_MASK               (-4096)         /* and: clears the offset in the page */

#define __START_KERNEL_map      0xffffffff80000000
#define PAGE_OFFSET             0xffff888000000000
#define DIRECT_MAP_SIZE         0x40000000

/* Slots of the top-level table (PGD): bits 39..47 of an address. */
#define PGD_PAGE_OFFSET         273
#define PGD_CPU_ENTRY_AREA      508
#define PGD_KERNEL_IMAGE        511

/* Physical address of a symbol of the kernel image, where it is a constant. */
#define __pa(symbol)            ((symbol) - __START_KERNEL_map)

/* User space ends one page early: SYSRET must never see the address 1 << 47. */
#define TASK_SIZE_MAX           0x00007ffffffff000
#define STACK_TOP               0x00007ffffffff000
#define IA32_STACK_TOP          0x00000000ffffd000
#define USER_STACK_SIZE         (4 * PAGE_SIZE)

/* One page of 32-bit user code that we provide, see vdso32.S. */
#define VDSO32_BASE             0x00000000f7ffd000

/* The kernel's only thread: its stack, and the pt_regs at the very top of it. */
#define THREAD_SIZE             (4 * PAGE_SIZE)

/*
 * cpu_entry_area. A gap without a page lies below each stack: a stack that
 * overflows then faults, and writes over nobody.
 */
#define CPU_ENTRY_AREA          0xfffffe0000000000
#define CEA_IDT                 (CPU_ENTRY_AREA + 0x0000)
#define CEA_GDT                 (CPU_ENTRY_AREA + 0x1000)
#define CEA_TSS                 (CPU_ENTRY_AREA + 0x2000)
#define CEA_ENTRY_STACK         (CPU_ENTRY_AREA + 0x4000)
#define CEA_DF_STACK            (CPU_ENTRY_AREA + 0x6000)
#define CEA_NMI_STACK           (CPU_ENTRY_AREA + 0x8000)
#define CEA_DB_STACK            (CPU_ENTRY_AREA + 0xa000)
#define CEA_MCE_STACK           (CPU_ENTRY_AREA + 0xc000)
#define CEA_STACK_SIZE          PAGE_SIZE

#endif
