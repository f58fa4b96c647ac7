/**
 * The bus as one processor sees it: the registers of its own local APIC, which no other processor reaches, and behind them
 * the bus all share.
 */
import { PAGE_BYTES } from '../memory';
import type { Bus, MmioDevice, PortDevice } from './bus';
import type { LocalApic } from './local-apic';

/** Registers are 16 bytes apart, four of which are the register. */
const REGISTER_SPACING = 16;

export class ProcessorBus implements Bus {
  constructor(
    private readonly shared: Bus,
    private readonly apic: LocalApic,
  ) {}

  claimPorts(first: number, last: number, device: PortDevice): void {
    this.shared.claimPorts(first, last, device);
  }
  claimMemory(pa: number, length: number, device: MmioDevice): void {
    this.shared.claimMemory(pa, length, device);
  }
  readPort(port: number, size: 1 | 2 | 4): number {
    return this.shared.readPort(port, size);
  }
  writePort(port: number, size: 1 | 2 | 4, value: number): void {
    this.shared.writePort(port, size, value);
  }

  /** An access to the APIC other than to the 32 bits of a register gives what is there, bytes between registers read 0. */
  readMemory(pa: number, size: number): bigint {
    const offset = this.apicOffset(pa);
    if (offset === undefined) return this.shared.readMemory(pa, size);
    if (offset % REGISTER_SPACING >= 4) return 0n;
    const value =
      BigInt(this.apic.readRegister(Math.floor(offset / REGISTER_SPACING)) >>> 0) >> BigInt(8 * (offset & 3));
    return BigInt.asUintN(8 * size, value);
  }

  /** A write to the APIC must be of 32 bits at a register; others, undefined by the manual, do nothing. */
  writeMemory(pa: number, size: number, value: bigint): void {
    const offset = this.apicOffset(pa);
    if (offset === undefined) this.shared.writeMemory(pa, size, value);
    else if (offset % REGISTER_SPACING === 0 && size >= 4) {
      this.apic.writeRegister(offset / REGISTER_SPACING, Number(value & 0xffffffffn));
    }
  }

  private apicOffset(pa: number): number | undefined {
    const { page } = this.apic;
    return page !== undefined && pa >= page && pa < page + PAGE_BYTES ? pa - page : undefined;
  }
}
