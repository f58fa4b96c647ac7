/** What control-flow enforcement adds to the processor's state (SDM vol. 1, chapter 17). */

/** Bits of IA32_U_CET and IA32_S_CET (SDM vol. 1, section 17.1.1). */
export const enum CetBit {
  /** Shadow stacks. */
  SH_STK_EN = 1 << 0,
  /** WRSS. */
  WR_SHSTK_EN = 1 << 1,
  /** Indirect branch tracking. */
  ENDBR_EN = 1 << 2,
  /** The legacy code page bitmap is looked at. */
  LEG_IW_EN = 1 << 3,
  /** The no-track prefix counts. */
  NO_TRACK_EN = 1 << 4,
  /** Entering legacy code does not suppress tracking. */
  SUPPRESS_DIS = 1 << 5,
  /** Tracking is suppressed. */
  SUPPRESS = 1 << 10,
  /** The tracker: 0 is IDLE, 1 is WAIT_FOR_ENDBRANCH. */
  TRACKER = 1 << 11,
}

/** In the token of a supervisor shadow stack: it is in use (SDM vol. 1, section 17.2.3). */
export const TOKEN_BUSY = 1n;
/** In a restore token and a previous-SSP token: made in 64-bit mode (SDM vol. 1, section 17.2.5). */
export const TOKEN_MODE64 = 1n;
/** In a previous-SSP token, and not in a restore token. */
export const TOKEN_PREVIOUS_SSP = 2n;

export class CetState {
  /** The shadow-stack pointer. */
  ssp = 0n;
  /** IA32_U_CET: control-flow enforcement at CPL 3. */
  user = 0n;
  /** IA32_S_CET: control-flow enforcement at CPL 0, 1 and 2. */
  supervisor = 0n;
  /** IA32_PL0_SSP to IA32_PL3_SSP. */
  readonly privilegeSsp: [bigint, bigint, bigint, bigint] = [0n, 0n, 0n, 0n];
  /** IA32_INTERRUPT_SSP_TABLE_ADDR: shadow-stack pointers by IST index. */
  interruptSspTable = 0n;

  save() {
    const { ssp, user, supervisor, interruptSspTable } = this;
    return { ssp, user, supervisor, interruptSspTable, privilegeSsp: [...this.privilegeSsp] };
  }

  restore({ privilegeSsp, ...rest }: ReturnType<CetState['save']>): void {
    Object.assign(this, rest);
    Object.assign(this.privilegeSsp, privilegeSsp);
  }
}
