/** What FRED, flexible return and event delivery, adds to the processor's state (FRED specification, chapter 4). */

/** Fields of IA32_FRED_CONFIG. */
export const enum FredConfig {
  /** CSL, the current stack level. */
  STACK_LEVEL = 3,
  /** An event that stays at its stack level moves SSP down by 8. */
  SSP_DECREMENT = 1 << 3,
  /** And RSP by so many multiples of 64 bytes. */
  RSP_DECREMENT = 7 << 6,
}

/** Bits 10..9 of IA32_FRED_CONFIG: stack level of maskable interrupts in ring 0. */
export const INTERRUPT_LEVEL_SHIFT = 9n;

export type StackLevel = 0 | 1 | 2 | 3;

export class FredState {
  /** CR4.FRED, bit 32: the only one of its half. */
  enabled = false;
  /** IA32_FRED_CONFIG, the current stack level among it. */
  config = 0n;
  /** IA32_FRED_RSP0 to IA32_FRED_RSP3. */
  readonly rsp: [bigint, bigint, bigint, bigint] = [0n, 0n, 0n, 0n];
  /** IA32_FRED_STKLVLS: two bits for each vector below 32. */
  stackLevels = 0n;
  /** IA32_FRED_SSP1 to IA32_FRED_SSP3; that of level 0 is IA32_PL0_SSP. */
  readonly ssp: [bigint, bigint, bigint] = [0n, 0n, 0n];

  save() {
    const { enabled, config, stackLevels } = this;
    return { enabled, config, stackLevels, rsp: [...this.rsp], ssp: [...this.ssp] };
  }

  restore({ rsp, ssp, ...rest }: ReturnType<FredState['save']>): void {
    Object.assign(this, rest);
    Object.assign(this.rsp, rsp);
    Object.assign(this.ssp, ssp);
  }

  /** CSL: 0 in ring 3. */
  get stackLevel(): StackLevel {
    return Number(this.config & BigInt(FredConfig.STACK_LEVEL)) as StackLevel;
  }
  set stackLevel(level: number) {
    this.config = (this.config & ~BigInt(FredConfig.STACK_LEVEL)) | BigInt(level);
  }
}
