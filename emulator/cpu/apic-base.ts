/** IA32_APIC_BASE bits (SDM vol. 3, section 11.4.4). */
export const enum ApicBase {
  /** This is the bootstrap processor. */
  BSP = 1 << 8,
  /** x2APIC mode. */
  EXTD = 1 << 10,
  /** The local APIC is enabled. */
  EN = 1 << 11,
}

/** Value after reset: default physical address, bootstrap processor, enabled. */
export const APIC_BASE_RESET = 0xfee00900n;
