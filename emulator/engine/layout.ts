/**
 * Where things live in the one WebAssembly.Memory of a machine. TypeScript sees them through typed views, generated
 * wasm through these constants. Everything below 256 is reachable by the one-byte "slot" fields of a record.
 */

/** 16 general registers, 8 bytes each, in encoding order. AH..BH are the byte at slot + 1. */
export const GPR = 0x00;
/** A slot that always reads 0: the base of an operand without a base register. */
export const ZERO = 0x80;
/** Linear address computed by an address record for the record that follows it. */
export const ADDRESS = 0x88;
/** Hidden segment bases ES CS SS DS FS GS, 8 bytes each. */
export const SEGMENT_BASE = 0x90;
/** Lazy flags, see isa/semantics/flags.ts: last result, sign-extended to 64 bits. */
export const FLAG_RESULT = 0xc0;
/** Lazy flags: carry vector, bit 63 the carry out of the top bit. */
export const FLAG_CARRIES = 0xc8;
/** RFLAGS without CF, PF, AF, ZF, SF and OF; u32. */
export const FLAGS_REST = 0xd0;
/** Instruction pointer, u64: exact whenever generated code has returned. */
export const RIP = 0xd8;
/** Segment selectors ES CS SS DS FS GS, 2 bytes each. */
export const SELECTORS = 0xe0;
/** Instructions the generated code may still run before it must return; i32. */
export const BUDGET = 0x100;
/** Why generated code returned (ExitReason); i32. */
export const EXIT_REASON = 0x104;
/** Record at which generated code returned; i32. */
export const CURRENT_RECORD = 0x108;
/** Linear-memory address of the TLB pair in force (user or supervisor, AC); i32. */
export const TLB_BASE = 0x10c;
/** Linear-memory address of the jump cache in force; i32. */
export const JUMP_CACHE_BASE = 0x110;
/** 1 while a repeated string instruction must stop after each iteration (TF); i32. */
export const ONE_ITERATION = 0x114;
/** Vector of an exception raised by generated code; i32. */
export const EXIT_DETAIL = 0x120;
/** Bits of RSP that form the stack pointer where the stack is not flat (0xffff or 0xffffffff); i64. */
export const STACK_MASK = 0x118;
/** Bits of an address above the canonical ones: 16, or 7 with CR4.LA57; i64. */
export const CANONICAL_SHIFT = 0x128;
/**
 * For each segment, how many bytes from offset 0 on may be read; 0 if accesses need a closer look. i64 each; and the same for
 * writes. Not kept up to date in 64-bit mode, which has no limits.
 */
export const SEGMENT_READABLE = 0x180;
export const SEGMENT_WRITABLE = 0x1b0;
/** The rest of the hidden parts ES CS SS DS FS GS: limits and `AccessRights`, u32 each. */
export const SEGMENT_LIMIT = 0x1e0;
export const SEGMENT_RIGHTS = 0x1f8;
/** Current privilege level; u32. */
export const CPL = 0x210;
/** IA32_STAR, IA32_LSTAR, IA32_FMASK and IA32_KERNEL_GS_BASE; u64 each. */
export const STAR = 0x218;
export const LSTAR = 0x220;
export const FMASK = 0x228;
export const KERNEL_GS_BASE = 0x230;
/** What TLB_BASE is to be at CPL 0 without and with EFLAGS.AC, then at CPL 3 without and with it; i32 each. */
export const TLB_BASES = 0x240;
/** What JUMP_CACHE_BASE is to be in 64-bit mode: at CPL 0, then at CPL 3; i32 each. */
export const JUMP_CACHE_BASES = 0x250;
/** Which instructions generated code may carry out without their architectural routines: bits `Shortcut`; u32. */
export const SHORTCUTS = 0x258;
/** Copies of GDTR, right whenever SHORTCUTS allows anything: base, u64, and limit, u32. */
export const GDTR_BASE = 0x260;
export const GDTR_LIMIT = 0x268;
/** Scratch that stands in for guest memory in a split or device access; 64 bytes. */
export const SCRATCH = 0x140;

/** Vector registers YMM0..15, 32 bytes each; XMMn is the low half of YMMn. */
export const VECTOR = 0x400;
export const VECTOR_BYTES = 32;
/** x87 registers R0..R7 (physical, not ST(i)), 16 bytes each: 64 bits of significand, then sign and exponent. MMn is the significand of Rn. */
export const X87 = 0x600;
export const X87_BYTES = 16;
/** x87 control word; u16. */
export const X87_CONTROL = 0x680;
/** x87 status word, TOP in bits 11..13; u16. */
export const X87_STATUS = 0x682;
/** One bit for each physical register that is not empty (the abridged tag word of FXSAVE); u8. */
export const X87_TAGS = 0x684;
/** Opcode of the last x87 instruction; u16. */
export const X87_OPCODE = 0x686;
/** Addresses of the last x87 instruction and of its memory operand, u64; their selectors, u16. */
export const X87_INSTRUCTION = 0x688;
export const X87_DATA = 0x690;
export const X87_INSTRUCTION_SELECTOR = 0x698;
export const X87_DATA_SELECTOR = 0x69a;
/** SSE control and status register; u32. */
export const MXCSR = 0x6a0;
/** Operands of a floating-point operation that generated code leaves to the float unit, 32 bytes each; three of them. */
export const FLOAT_OPERANDS = 0x6c0;
export const FLOAT_OPERAND_BYTES = 32;
/** Its result, 32 bytes. */
export const FLOAT_RESULT = 0x720;

/** Entries of one TLB; a power of two. */
export const TLB_ENTRIES = 1024;
/** Bytes of one TLB entry: i64 linear address of the page, i32 where the page is in linear memory, i32 unused. */
export const TLB_ENTRY_BYTES = 16;
/** One read TLB followed by one write TLB. */
export const TLB_PAIR_BYTES = 2 * TLB_ENTRIES * TLB_ENTRY_BYTES;
/** Pairs: see `TlbPair`. */
export const TLB_PAIRS = 4;

/** Direct-mapped cache RIP -> record, for transfers that cannot be linked. An entry: i64 RIP, i32 record, i32 unused. */
export const JUMP_CACHE_ENTRIES = 4096;
export const JUMP_CACHE_ENTRY_BYTES = 16;
export const JUMP_CACHE_BYTES = JUMP_CACHE_ENTRIES * JUMP_CACHE_ENTRY_BYTES;
/** One for each of: ring 3 in 64-bit mode, ring 0 in 64-bit mode, ring 3 in compatibility mode, all else. */
export const JUMP_CACHES = 4;

/** TLBs and jump caches of the address spaces used last: switching among them with CR3 and PCIDs keeps what is known. */
export const ADDRESS_SPACES = 4;
export const ADDRESS_SPACE = 0x10000;
export const ADDRESS_SPACE_BYTES = TLB_PAIRS * TLB_PAIR_BYTES + JUMP_CACHES * JUMP_CACHE_BYTES;

/** Pre-decoded records, see records.ts. */
export const RECORDS = 0x200000;
export const RECORD_BYTES = 32;
export const RECORD_ARENA_BYTES = 20 << 20;

/** Guest physical address 0. */
export const RAM = RECORDS + RECORD_ARENA_BYTES;
