/**
 * I/O advanced programmable interrupt controller (Intel 82093AA data sheet, with the end-of-interrupt register of its
 * successors): 24 pins, each with an entry that says which message an interrupt there becomes.
 */
import { DeliveryMode, type ApicBus } from './apic-bus';
import type { Bus, MmioDevice } from './bus';

export const IO_APIC_BASE = 0xfec00000;
const WINDOW_BYTES = 0x1000;
/** Identification, as firmware leaves it. */
export const IO_APIC_ID = 0;
export const IO_APIC_PINS = 24;
/** Bits 7..0 the version, 23..16 the last entry. */
const VERSION = 0x20 | ((IO_APIC_PINS - 1) << 16);

/** Directly accessible registers. */
const enum Window {
  INDEX = 0x00,
  DATA = 0x10,
  EOI = 0x40,
}

/** Registers behind the index. */
const enum Register {
  ID = 0x00,
  VERSION = 0x01,
  ARBITRATION = 0x02,
  /** Two registers each. */
  REDIRECTION = 0x10,
}

/** Low half of a redirection entry; the high half has the destination in bits 31..24. */
const enum Entry {
  VECTOR = 0xff,
  MODE_SHIFT = 8,
  MODE = 7 << 8,
  LOGICAL = 1 << 11,
  REMOTE_IRR = 1 << 14,
  LEVEL_TRIGGERED = 1 << 15,
  MASKED = 1 << 16,
  /** All but the delivery status, which never shows, and the remote IRR. */
  WRITABLE = 0x1afff,
}

export class IoApic implements MmioDevice {
  private index = 0;
  private readonly low = new Uint32Array(IO_APIC_PINS).fill(Entry.MASKED);
  private readonly high = new Uint32Array(IO_APIC_PINS);
  /** Whether each pin is asserted. */
  private readonly asserted = new Array<boolean>(IO_APIC_PINS).fill(false);

  private id = IO_APIC_ID;

  constructor(private readonly apicBus: ApicBus) {
    apicBus.onEnd((vector) => this.ended(vector));
  }

  static attach(bus: Bus, apicBus: ApicBus): IoApic {
    const ioApic = new IoApic(apicBus);
    bus.claimMemory(IO_APIC_BASE, WINDOW_BYTES, ioApic);
    return ioApic;
  }

  save() {
    const { index, id } = this;
    return { index, id, low: [...this.low], high: [...this.high], asserted: [...this.asserted] };
  }

  restore({ index, id, low, high, asserted }: ReturnType<IoApic['save']>): void {
    this.index = index;
    this.id = id;
    this.low.set(low);
    this.high.set(high);
    Object.assign(this.asserted, asserted);
  }

  /**
   * A device asserts its interrupt or takes it back. The polarity of an entry is about voltages, which there are none of
   * here.
   */
  setPin(pin: number, asserted: boolean): void {
    const rose = asserted && !this.asserted[pin];
    this.asserted[pin] = asserted;
    if (this.low[pin] & Entry.LEVEL_TRIGGERED) this.senseLevel(pin);
    // An edge at a masked pin is lost.
    else if (rose && !(this.low[pin] & Entry.MASKED)) this.send(pin);
  }

  read(offset: number, size: number): bigint {
    const register: Window = offset;
    if (register === Window.INDEX) return BigInt(this.index);
    if (register === Window.DATA) return BigInt.asUintN(8 * size, BigInt(this.readRegister()));
    return 0n;
  }

  write(offset: number, _size: number, value: bigint): void {
    const register: Window = offset;
    const word = Number(value & 0xffffffffn);
    if (register === Window.INDEX) this.index = word & 0xff;
    else if (register === Window.DATA) this.writeRegister(word);
    else if (register === Window.EOI) this.ended(word & Entry.VECTOR);
  }

  private readRegister(): number {
    const register: Register = this.index;
    if (register === Register.ID || register === Register.ARBITRATION) return this.id << 24;
    if (register === Register.VERSION) return VERSION;
    const pin = this.selectedPin();
    if (pin === undefined) return 0;
    return this.index & 1 ? this.high[pin] : this.low[pin];
  }

  private writeRegister(value: number): void {
    const register: Register = this.index;
    if (register === Register.ID) this.id = (value >>> 24) & 0xf;
    const pin = this.selectedPin();
    if (pin === undefined) return;
    if (this.index & 1) {
      this.high[pin] = value & 0xff000000;
      return;
    }
    const levelTriggered = (value & Entry.LEVEL_TRIGGERED) !== 0;
    const remoteIrr = levelTriggered ? this.low[pin] & Entry.REMOTE_IRR : 0;
    this.low[pin] = (value & Entry.WRITABLE) | remoteIrr;
    if (levelTriggered) this.senseLevel(pin);
  }

  /** The pin whose redirection entry the index selects. */
  private selectedPin(): number | undefined {
    const pin = (this.index - Register.REDIRECTION) >> 1;
    return pin >= 0 && pin < IO_APIC_PINS ? pin : undefined;
  }

  /** A level-triggered interrupt is sent once until a processor ends it. */
  private senseLevel(pin: number): void {
    if (!this.asserted[pin] || this.low[pin] & (Entry.MASKED | Entry.REMOTE_IRR)) return;
    this.low[pin] |= Entry.REMOTE_IRR;
    this.send(pin);
  }

  private send(pin: number): void {
    const entry = this.low[pin];
    const mode: DeliveryMode = (entry & Entry.MODE) >> Entry.MODE_SHIFT;
    const levelTriggered = (entry & Entry.LEVEL_TRIGGERED) !== 0;
    const destination = { id: this.high[pin] >>> 24, logical: (entry & Entry.LOGICAL) !== 0 };
    this.apicBus.send({ vector: entry & Entry.VECTOR, mode, levelTriggered }, destination);
  }

  private ended(vector: number): void {
    for (let pin = 0; pin < IO_APIC_PINS; pin++) {
      const entry = this.low[pin];
      if ((entry & Entry.VECTOR) !== vector || !(entry & Entry.REMOTE_IRR)) continue;
      this.low[pin] &= ~Entry.REMOTE_IRR;
      this.senseLevel(pin);
    }
  }
}
