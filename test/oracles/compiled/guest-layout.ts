/** Where things are in the machines that random programs run on; linear and physical addresses agree but for `ALIAS`. */

export const MEMORY_BYTES = 4 << 20;

export const PAGE_TABLES = 0x1000;
/** The page table of the first 2 MiB, in 4 KiB pages. */
export const PAGE_TABLE = 0x4000;
export const IDT = 0x5000;
export const GDT = 0x6000;
export const TSS = 0x7000;
/** Tops of the stacks of SYSCALL and of interrupts (IST1). */
export const SYSCALL_STACK = 0x9000;
export const INTERRUPT_STACK = 0xa000;
/** Where the kernel hashes what happens, its variables, and a log of exceptions. */
export const VARIABLES = 0x11000;
export const LOG = 0x12000;
export const KERNEL = 0x20000;

/** The program: readable, writable, executable in both rings. Its first instruction is where it goes on after a fault. */
export const PROGRAM = 0x100000;
export const PROGRAM_BYTES = 0x10000;
/** Data pages; what is special about them is told by `DATA_PAGES`. */
export const DATA = 0x150000;
/** User stack: grows down to a page that is not present. */
export const STACK_TOP = 0x164000;
export const STACK_BYTES = 0x2000;
/** Two pages of code, of which one at a time is mapped at `ALIAS`, and what follows them there. */
export const ALIASED = 0x180000;
export const ALIAS_PAGES = 2;
export const AFTER_ALIAS = 0x184000;
export const ALIAS = 0x1a0000;

const [PRESENT, WRITABLE, USER] = [1n, 2n, 4n];
const EXECUTE_DISABLE = 1n << 63n;
const OPEN = PRESENT | WRITABLE | USER;

/** Rights of the data pages in order: neighbours differ, so that accesses across a boundary fault in all ways. */
export const DATA_PAGES: readonly bigint[] = [
  OPEN,
  OPEN,
  PRESENT | USER,
  OPEN | EXECUTE_DISABLE,
  0n,
  OPEN,
  PRESENT | WRITABLE,
  OPEN,
];

/** Rights of the page at `va`, if it is mapped. */
export function rights(va: number): bigint {
  if (va >= DATA && va < DATA + DATA_PAGES.length * 0x1000) return DATA_PAGES[(va - DATA) >> 12];
  if (va >= PROGRAM && va < PROGRAM + PROGRAM_BYTES) return OPEN;
  if (va >= STACK_TOP - STACK_BYTES && va < STACK_TOP) return OPEN;
  if (va >= ALIASED && va <= AFTER_ALIAS) return OPEN;
  if (va >= ALIAS && va < ALIAS + 0x2000) return OPEN;
  return va < PROGRAM ? PRESENT | WRITABLE : 0n;
}

/** Interrupt vectors of the kernel besides the exceptions. */
export const Service = { TIMER: 0x20, NOTHING: 0x80, CHANGE_RING: 0x81, END: 0x82, REMAP: 0x83 } as const;

/** Hidden parts of selectors as SYSCALL and IRET of the kernel set them, and their descriptors. */
export const DESCRIPTORS: readonly bigint[] = [
  0n,
  0x00af9b000000ffffn,
  0x00cf93000000ffffn,
  0n,
  0x00cffb000000ffffn,
  0x00cff3000000ffffn,
  0x00affb000000ffffn,
];
export const KERNEL_CODE = 0x08;
export const KERNEL_DATA = 0x10;
export const USER_DATA = 0x2b;
export const USER_CODE = 0x33;
export const TSS_SELECTOR = 0x38;
