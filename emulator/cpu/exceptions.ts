/** Exceptions of the guest (SDM vol. 3, chapter 6, table 6-1). They are never errors of the host. */

export const enum Vector {
  DE = 0,
  DB = 1,
  NMI = 2,
  BP = 3,
  OF = 4,
  BR = 5,
  UD = 6,
  NM = 7,
  DF = 8,
  TS = 10,
  NP = 11,
  SS = 12,
  GP = 13,
  PF = 14,
  MF = 16,
  AC = 17,
  MC = 18,
  XM = 19,
  VE = 20,
  CP = 21,
}

/**
 * Thrown by an architectural routine or a memory access. The instruction did not complete: RIP still points at it
 * (fault class). Traps do not use this: they are delivered after the instruction. It is no `Error`: nothing went wrong in
 * the emulator, and making the stack trace of an `Error` takes longer than delivering a page fault.
 */
export class GuestException {
  constructor(
    readonly vector: number,
    /** For the vectors that push one: DF, TS, NP, SS, GP, PF, AC, CP; else undefined. */
    readonly errorCode?: number,
    /** CR2, for #PF. */
    readonly faultAddress?: bigint,
  ) {}
}
