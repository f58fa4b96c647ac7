/**
 * A record is one instruction (or the address computation in front of one) prepared for the interpreter: which handler
 * runs it and with which operands. Offsets in bytes; slots are addresses below 256 in linear memory (layout.ts).
 */
export const enum Field {
  /** u32: index of the handler. */
  HANDLER = 0,
  /** u8 slots of up to three register operands, in operand order. */
  REGISTER_0 = 4,
  REGISTER_1 = 5,
  /** u8 slots of base and index of the memory operand; ZERO where there is none. */
  BASE = 6,
  INDEX = 7,
  /** u8: log2 of the scale. In a string instruction: the number of the source segment. */
  SCALE = 8,
  REGISTER_2 = 9,
  /** u16, in a record that ends a block: instructions of the block. */
  COUNT = 10,
  /** i32, in a record that ends a block: the record to go on at when the branch is taken. */
  TARGET = 12,
  /** i64: displacement, with RIP or other constants folded in. */
  DISPLACEMENT = 16,
  /** i64: immediate operand cut to the operand size; return address of CALL; RIP of a stub. */
  IMMEDIATE = 24,
  /** i32, upper half of IMMEDIATE, in a conditional branch: the record to go on at when it is not taken. */
  NEXT = 28,
}

/** Address records use fields of their own meaning. */
export const enum AddressField {
  /** u8 slot of the segment base, ZERO for none. */
  SEGMENT_BASE = Field.REGISTER_0,
  /** u8: number of the segment to check against. */
  SEGMENT = Field.REGISTER_1,
  /** i32: bytes accessed. */
  SIZE = Field.TARGET,
  /** u16: 1 if the access writes. */
  WRITE = Field.COUNT,
  /** u8: 1 if a pending x87 exception is taken before the segment is looked at. */
  WAITS = Field.REGISTER_2,
}

/** Records of handlers out of line. A vector or MMX register is named by its number instead of a slot. */
export const enum OutOfLineField {
  /** u8: a fourth register operand. */
  REGISTER_3 = Field.COUNT,
  /** i32: index in the function table. */
  FUNCTION = Field.TARGET,
  /**
   * u8: number of the index register of a gather operand, and log2 of its scale. INDEX is the slot of the segment base,
   * ZERO for none, SCALE the number of the segment.
   */
  GATHER_INDEX = Field.REGISTER_2,
  GATHER_SCALE = Field.COUNT,
}

/** The first record of a block that has been compiled; the fields of links keep their meaning. */
export const enum CompiledField {
  /** i32: index of the region's function in the function table. */
  SLOT = Field.DISPLACEMENT,
  /** i32: number of the block in its region. */
  ENTRY = Field.DISPLACEMENT + 4,
}

/** Why generated code returned to the engine. */
export const enum ExitReason {
  /** The budget is used up; RIP is where CURRENT_RECORD starts, or in RIP if that is 0. */
  BUDGET,
  /** The instruction at CURRENT_RECORD cannot go on: a helper recorded why. */
  FAULT,
  /** The instruction at CURRENT_RECORD raised the exception in EXIT_DETAIL. */
  EXCEPTION,
  /** CURRENT_RECORD is a breakpoint. */
  BREAKPOINT,
  /** A helper that transfers control (an architectural routine, a look-up) asks for the engine; RIP is exact. */
  ENGINE,
  /** A repeated string instruction paused between two iterations. */
  BETWEEN_ITERATIONS,
}
