/**
 * What the processor sees of its local APIC: IA32_APIC_BASE, the x2APIC registers, IA32_TSC_DEADLINE and CR8 (SDM vol. 3,
 * chapter 11). The APIC itself is a device (devices/local-apic.ts).
 */
export interface ProcessorApic {
  /** Identifier after reset, by which CPUID names the processor. */
  readonly initialId: number;
  /** TPR, 8 bits; CR8 is its upper half. */
  taskPriority: number;
  /** IA32_APIC_BASE was written; the value has been checked. */
  setBase(value: bigint): void;
  /** MSR 800h + `index`. Throws #GP(0) unless in x2APIC mode, and for a register that is not there or write-only. */
  readMsr(index: number): bigint;
  /** Throws #GP(0) like `readMsr`, and for reserved bits and read-only registers. */
  writeMsr(index: number, value: bigint): void;
  /** IA32_TSC_DEADLINE; 0 when disarmed. */
  deadline: bigint;
  /** The time-stamp counter was written: a deadline now comes sooner or later. */
  timestampWritten(): void;
}
