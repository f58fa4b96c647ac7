/**
 * Registers of a local APIC by number: the offset in its page divided by 16, and MSR 800h + number in x2APIC mode (SDM
 * vol. 3, tables 11-1 and 11-6).
 */
export const enum ApicRegister {
  ID = 0x02,
  VERSION = 0x03,
  TPR = 0x08,
  APR = 0x09,
  PPR = 0x0a,
  EOI = 0x0b,
  LDR = 0x0d,
  DFR = 0x0e,
  SVR = 0x0f,
  /** Eight registers each. */
  ISR = 0x10,
  TMR = 0x18,
  IRR = 0x20,
  ESR = 0x28,
  ICR_LOW = 0x30,
  /** In x2APIC mode there is one ICR of 64 bits. */
  ICR_HIGH = 0x31,
  LVT_TIMER = 0x32,
  LVT_THERMAL = 0x33,
  LVT_PERFORMANCE = 0x34,
  LVT_LINT0 = 0x35,
  LVT_LINT1 = 0x36,
  LVT_ERROR = 0x37,
  INITIAL_COUNT = 0x38,
  CURRENT_COUNT = 0x39,
  DIVIDE = 0x3e,
  /** x2APIC mode only. */
  SELF_IPI = 0x3f,
}

/** Fields of local vector table entries (SDM vol. 3, figure 11-8) and of the ICR (figure 11-12). */
export const enum Lvt {
  VECTOR = 0xff,
  MODE_SHIFT = 8,
  MODE = 7 << 8,
  LOGICAL = 1 << 11,
  DELIVERY_STATUS = 1 << 12,
  ACTIVE_LOW = 1 << 13,
  REMOTE_IRR = 1 << 14,
  LEVEL_TRIGGERED = 1 << 15,
  MASKED = 1 << 16,
  TIMER_MODE_SHIFT = 17,
  TIMER_MODE = 3 << 17,
}

/** Other fields of the ICR. */
export const enum Icr {
  ASSERT = 1 << 14,
  LEVEL_TRIGGERED = 1 << 15,
  SHORTHAND_SHIFT = 18,
  SHORTHAND = 3 << 18,
  /** What software may set: all but the delivery status. */
  WRITABLE = 0x000ccfff,
}

/** Spurious-interrupt vector register. */
export const enum Svr {
  VECTOR = 0xff,
  ENABLED = 1 << 8,
  WRITABLE = 0x3ff,
}

/** Error status register. */
export const enum Esr {
  SENT_ILLEGAL_VECTOR = 1 << 5,
  RECEIVED_ILLEGAL_VECTOR = 1 << 6,
  ILLEGAL_REGISTER = 1 << 7,
}

/** Version of an APIC inside the processor, with six entries in its local vector table. */
export const APIC_VERSION = 0x00050014;

/** Vectors below are for exceptions: no interrupt may use them. */
export const LOWEST_VECTOR = 16;

/** Bits of each entry of the local vector table that software may set. */
export const LVT_WRITABLE: ReadonlyMap<ApicRegister, number> = new Map([
  [ApicRegister.LVT_TIMER, Lvt.VECTOR | Lvt.MASKED | Lvt.TIMER_MODE],
  [ApicRegister.LVT_THERMAL, Lvt.VECTOR | Lvt.MODE | Lvt.MASKED],
  [ApicRegister.LVT_PERFORMANCE, Lvt.VECTOR | Lvt.MODE | Lvt.MASKED],
  [ApicRegister.LVT_LINT0, Lvt.VECTOR | Lvt.MODE | Lvt.ACTIVE_LOW | Lvt.LEVEL_TRIGGERED | Lvt.MASKED],
  [ApicRegister.LVT_LINT1, Lvt.VECTOR | Lvt.MODE | Lvt.ACTIVE_LOW | Lvt.LEVEL_TRIGGERED | Lvt.MASKED],
  [ApicRegister.LVT_ERROR, Lvt.VECTOR | Lvt.MASKED],
]);
