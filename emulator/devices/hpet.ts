/** High precision event timers (IA-PC HPET specification 1.0a): a counter of 64 bits and three timers that compare with it. */
import { Frequency, type Clock } from '../clock';
import type { Bus, MmioDevice } from './bus';
import { HpetTimer, TIMER_ROUTES } from './hpet-timer';

export const HPET_BASE = 0xfed00000;
const WINDOW_BYTES = 0x400;
const TIMERS = 3;
/** The counter's clock; its period must be a whole number of femtoseconds. */
export const HPET_HERTZ = 100_000_000;
const PERIOD_FEMTOSECONDS = 10n ** 15n / BigInt(HPET_HERTZ);

/** General registers, 64 bits each; those of timer n follow from 100h + 20h * n. */
const enum Register {
  CAPABILITIES = 0x00,
  CONFIGURATION = 0x10,
  INTERRUPT_STATUS = 0x20,
  COUNTER = 0xf0,
  TIMERS = 0x100,
}
const TIMER_SPACING = 0x20;

/** Low half of the capabilities: revision 1, 64-bit counter, legacy replacement routes, vendor. */
export const HPET_HARDWARE_ID = 0x8086_0000 + (1 << 15) + (1 << 13) + ((TIMERS - 1) << 8) + 1;

/** General configuration. */
const ENABLE = 1n;
const LEGACY_REPLACEMENT = 2n;

/** Interrupts that timers 0 and 1 take over from the 8254 and the real-time clock. */
const LEGACY_IRQS = [0, 8];

export interface HpetConnections {
  /** Level of an IO-APIC pin. */
  setPin(pin: number, level: boolean): void;
  /** Level of IRQ 0 or 8, of consequence while it belongs to a timer. */
  setLegacyLine(irq: number, level: boolean): void;
  /** Whether IRQ 0 and 8 belong to the timers, not to the 8254 and the real-time clock. */
  replaceLegacy(replaced: boolean): void;
}

export class Hpet implements MmioDevice {
  private readonly frequency = new Frequency(HPET_HERTZ);
  private configuration = 0n;
  /** The counter while it stands, and what it is ahead of the clock's ticks while it runs. */
  private counter = 0n;
  private readonly timers: readonly HpetTimer[];

  constructor(
    private readonly clock: Clock,
    private readonly connections: HpetConnections,
  ) {
    const counter = {
      running: () => this.running,
      read: () => this.readCounter(),
      /** The first time at which the counter is `ticks` ahead. */
      timeAfter: (ticks: number) => this.frequency.timeOf(this.ticks + ticks),
    };
    this.timers = Array.from(
      { length: TIMERS },
      (_, n) => new HpetTimer(clock, counter, (level, route) => this.setLine(n, level, route)),
    );
  }

  static attach(bus: Bus, clock: Clock, connections: HpetConnections): Hpet {
    const hpet = new Hpet(clock, connections);
    bus.claimMemory(HPET_BASE, WINDOW_BYTES, hpet);
    return hpet;
  }

  save() {
    const { configuration, counter } = this;
    return { configuration, counter, timers: this.timers.map((timer) => timer.save()) };
  }

  restore({ configuration, counter, timers }: ReturnType<Hpet['save']>): void {
    this.configuration = configuration;
    this.counter = counter;
    this.timers.forEach((timer, i) => timer.restore(timers[i]));
  }

  /** Halves of the registers may be read singly. */
  read(offset: number, size: number): bigint {
    const at = offset & 7;
    return BigInt.asUintN(8 * size, this.readRegister(offset - at) >> BigInt(8 * at));
  }

  write(offset: number, size: number, value: bigint): void {
    const at = offset & 7;
    const shift = BigInt(8 * at);
    const mask = ((1n << BigInt(8 * size)) - 1n) << shift;
    this.writeRegister(offset - at, BigInt.asUintN(64, value << shift), mask);
  }

  private readRegister(offset: number): bigint {
    const register: Register = offset;
    switch (register) {
      case Register.CAPABILITIES:
        return (PERIOD_FEMTOSECONDS << 32n) | BigInt(HPET_HARDWARE_ID);
      case Register.CONFIGURATION:
        return this.configuration;
      case Register.INTERRUPT_STATUS:
        return this.timers.reduce((bits, { status }, n) => bits | (status ? 1n << BigInt(n) : 0n), 0n);
      case Register.COUNTER:
        return this.readCounter();
      default: {
        const [timer, at] = this.timerAt(offset);
        return timer?.read(at) ?? 0n;
      }
    }
  }

  /** `mask` has the bits that are written. */
  private writeRegister(offset: number, value: bigint, mask: bigint): void {
    const register: Register = offset;
    switch (register) {
      case Register.CAPABILITIES:
        break;
      case Register.CONFIGURATION:
        this.configure((this.configuration & ~mask) | (value & mask & (ENABLE | LEGACY_REPLACEMENT)));
        break;
      case Register.INTERRUPT_STATUS:
        this.timers.forEach((timer, n) => {
          if (value & mask & (1n << BigInt(n))) timer.clearStatus();
        });
        break;
      case Register.COUNTER:
        this.setCounter((this.readCounter() & ~mask) | (value & mask));
        break;
      default: {
        const [timer, at] = this.timerAt(offset);
        timer?.write(at, value, mask);
      }
    }
  }

  private timerAt(offset: number): [HpetTimer | undefined, number] {
    const from = offset - Register.TIMERS;
    return [from < 0 ? undefined : this.timers.at(Math.floor(from / TIMER_SPACING)), from % TIMER_SPACING];
  }

  private configure(value: bigint): void {
    const counter = this.readCounter();
    const routesChanged = ((value ^ this.configuration) & LEGACY_REPLACEMENT) !== 0n;
    if (routesChanged) for (const timer of this.timers) timer.lower();
    this.configuration = value;
    if (routesChanged) this.connections.replaceLegacy((value & LEGACY_REPLACEMENT) !== 0n);
    this.setCounter(counter);
  }

  private get running(): boolean {
    return (this.configuration & ENABLE) !== 0n;
  }

  private get ticks(): number {
    return this.frequency.ticksAt(this.clock.now);
  }

  private readCounter(): bigint {
    return this.running ? BigInt.asUintN(64, this.counter + BigInt(this.ticks)) : this.counter;
  }

  private setCounter(value: bigint): void {
    this.counter = this.running ? BigInt.asUintN(64, value - BigInt(this.ticks)) : value;
    for (const timer of this.timers) timer.schedule();
  }

  private setLine(n: number, level: boolean, route: number): void {
    if (this.configuration & LEGACY_REPLACEMENT && n < LEGACY_IRQS.length) {
      this.connections.setLegacyLine(LEGACY_IRQS[n], level);
    } else if (TIMER_ROUTES & (1 << route)) {
      this.connections.setPin(route, level);
    }
  }
}
