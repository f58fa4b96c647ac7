/**
 * 8254 programmable interval timer (Intel 8254 data sheet) and the port 61h bits that belong to it. Counting is worked
 * out from the virtual clock: nothing runs between two changes of an output.
 */
import { eventTime, Frequency, type Clock, type ClockEvent } from '../clock';
import { fromBcd, toBcd } from './bcd';
import type { Bus, PortDevice } from './bus';

const CHANNEL0_PORT = 0x40;
const CONTROL_PORT = 0x43;
const SYSTEM_CONTROL_PORT = 0x61;
export const PIT_IRQ = 0;
/** Input clock of all three channels in hertz. */
export const PIT_HERTZ = 1_193_182;

/** Fields of the control word. */
const enum Control {
  BCD = 1 << 0,
  MODE_SHIFT = 1,
  ACCESS_SHIFT = 4,
  SELECT_SHIFT = 6,
}

/** Select field of the read-back command, and its bits (active low for latching). */
const READ_BACK = 3;
const enum ReadBack {
  CHANNEL0 = 1 << 1,
  NO_STATUS = 1 << 4,
  NO_COUNT = 1 << 5,
}

/** Access field: counter latch command, or which bytes are read and written. */
const enum Access {
  LATCH = 0,
  LOW = 1,
  HIGH = 2,
  LOW_THEN_HIGH = 3,
}

/** Port 61h. */
const enum SystemControl {
  GATE2 = 1 << 0,
  SPEAKER = 1 << 1,
  /** Toggles with each refresh request, about every 15 microseconds. */
  REFRESH = 1 << 4,
  OUT2 = 1 << 5,
}
const REFRESH_TICKS = 18;

/** Bits of the status byte. */
const enum Status {
  NULL_COUNT = 1 << 6,
  OUT = 1 << 7,
}

/** One counter. Times are ticks of the input clock since the machine started. */
class Channel {
  private mode = 0;
  private access: Access = Access.LOW_THEN_HIGH;
  private bcd = false;
  /** Initial count, 1 to 65536 (10000 in BCD). */
  private count = 65536;
  /** Tick at which the count was loaded; undefined before the first and while a mode 1 or 5 trigger is awaited. */
  private start: number | undefined;
  /** Modes 2 and 3: a count written while counting, and the end of the period at which it takes effect. */
  private pending: { readonly count: number; readonly at: number } | undefined;
  /** Ticks counted when the gate went low. */
  private pausedAt: number | undefined;
  private gate: boolean;
  private lowByte = 0;
  private writeHigh = false;
  private readHigh = false;
  private latchedCount: number | undefined;
  private latchedStatus: number | undefined;
  private control = 0x30;

  constructor(gate: boolean) {
    this.gate = gate;
  }

  save() {
    const { mode, access, bcd, count, start, pausedAt, gate, lowByte, writeHigh, readHigh } = this;
    const { latchedCount, latchedStatus, control } = this;
    return {
      ...{ mode, access, bcd, count, start, pausedAt, gate, lowByte, writeHigh, readHigh },
      ...{ latchedCount, latchedStatus, control },
      pending: this.pending && { ...this.pending },
    };
  }

  restore(saved: ReturnType<Channel['save']>): void {
    Object.assign(this, saved);
  }

  /** Control word for this channel, other than the latch command. */
  program(control: number): void {
    this.control = control & 0x3f;
    this.access = (control >> Control.ACCESS_SHIFT) & 3;
    const mode = (control >> Control.MODE_SHIFT) & 7;
    this.mode = mode > 5 ? mode & 3 : mode;
    this.bcd = (control & Control.BCD) !== 0;
    this.start = undefined;
    this.pending = undefined;
    this.pausedAt = undefined;
    this.writeHigh = false;
    this.readHigh = false;
    this.latchedCount = undefined;
    this.latchedStatus = undefined;
  }

  latchCount(now: number): void {
    this.latchedCount ??= this.current(now);
  }

  latchStatus(now: number): void {
    const output = this.output(now) ? Status.OUT : 0;
    this.latchedStatus ??= output | (this.loaded(now) ? 0 : Status.NULL_COUNT) | this.control;
  }

  write(value: number, now: number): void {
    if (this.access === Access.LOW) this.load(value, now);
    else if (this.access === Access.HIGH) this.load(value << 8, now);
    else if (this.writeHigh) {
      this.writeHigh = false;
      this.load(this.lowByte | (value << 8), now);
    } else {
      this.lowByte = value;
      this.writeHigh = true;
      // Mode 0: writing the first byte stops the counter.
      if (this.mode === 0) this.start = undefined;
    }
  }

  read(now: number): number {
    if (this.latchedStatus !== undefined) {
      const status = this.latchedStatus;
      this.latchedStatus = undefined;
      return status;
    }
    const value = this.latchedCount ?? this.current(now);
    const high = this.access === Access.HIGH || (this.access === Access.LOW_THEN_HIGH && this.readHigh);
    if (this.access === Access.LOW_THEN_HIGH) this.readHigh = !this.readHigh;
    if (this.access !== Access.LOW_THEN_HIGH || high) this.latchedCount = undefined;
    return high ? value >> 8 : value & 0xff;
  }

  setGate(level: boolean, now: number): void {
    if (level === this.gate) return;
    this.settle(now);
    this.gate = level;
    if (this.mode === 1 || this.mode === 5) {
      if (level) this.start = now + 1;
    } else if (!level) {
      if (this.start !== undefined) this.pausedAt = Math.max(0, now - this.start);
    } else if (this.start !== undefined) {
      // Modes 2 and 3 begin anew, modes 0 and 4 go on.
      this.start = this.mode === 2 || this.mode === 3 ? now + 1 : now - (this.pausedAt ?? 0);
      this.pausedAt = undefined;
    }
  }

  /** Level of OUT. */
  output(now: number): boolean {
    const elapsed = this.elapsed(now);
    switch (this.mode) {
      case 0:
        return elapsed !== undefined && elapsed >= this.count;
      case 1:
        return elapsed === undefined || elapsed >= this.count;
      case 2:
        return elapsed === undefined || this.pausedAt !== undefined || elapsed % this.count !== this.count - 1;
      case 3:
        return elapsed === undefined || this.pausedAt !== undefined || elapsed % this.count < this.highTicks;
      default:
        return elapsed !== this.count;
    }
  }

  /** The tick after `now` at which OUT changes next; undefined if it stays. */
  nextChange(now: number): number | undefined {
    this.settle(now);
    if (this.start === undefined || this.pausedAt !== undefined) return undefined;
    const elapsed = Math.max(0, now - this.start);
    const inPeriod = elapsed % this.count;
    const periodStart = this.start + elapsed - inPeriod;
    switch (this.mode) {
      case 0:
      case 1:
        return elapsed < this.count ? this.start + this.count : undefined;
      case 2:
        return periodStart + (inPeriod < this.count - 1 ? this.count - 1 : this.count);
      case 3:
        return periodStart + (inPeriod < this.highTicks ? this.highTicks : this.count);
      default:
        if (elapsed > this.count) return undefined;
        return this.start + this.count + (elapsed === this.count ? 1 : 0);
    }
  }

  private load(value: number, now: number): void {
    const limit = this.bcd ? 10000 : 65536;
    const count = (this.bcd ? fromBcd(value) : value) || limit;
    // In modes 2 and 3 a new count takes effect at the end of the period; modes 1 and 5 wait for the trigger.
    this.settle(now);
    const elapsed = this.pausedAt === undefined && (this.mode === 2 || this.mode === 3) ? this.elapsed(now) : undefined;
    if (elapsed !== undefined) {
      this.pending = { count, at: now - (elapsed % this.count) + this.count };
      return;
    }
    if (this.mode !== 1 && this.mode !== 5) {
      // The count is loaded on the next tick.
      this.start = now + 1;
      this.pausedAt = this.gate ? undefined : 0;
    }
    this.count = count;
  }

  /** Mode 3: OUT is high for the longer half of an odd count. */
  private get highTicks(): number {
    return Math.ceil(this.count / 2);
  }

  /** Whether the count last written is the one being counted. */
  private loaded(now: number): boolean {
    this.settle(now);
    return this.start !== undefined && now >= this.start && this.pending === undefined;
  }

  /** Takes over a pending count whose time has come. */
  private settle(now: number): void {
    if (!this.pending || now < this.pending.at) return;
    this.start = this.pending.at;
    this.count = this.pending.count;
    this.pending = undefined;
  }

  /** Ticks counted since the count was loaded. */
  private elapsed(now: number): number | undefined {
    this.settle(now);
    if (this.start === undefined) return undefined;
    return this.pausedAt ?? (now < this.start ? undefined : now - this.start);
  }

  /** The counting element, as read. */
  private current(now: number): number {
    const elapsed = this.elapsed(now) ?? 0;
    let value: number;
    if (this.mode === 2) value = this.count - (elapsed % this.count);
    else if (this.mode === 3) {
      // Counts by two through each half.
      const inPeriod = elapsed % this.count;
      const inHalf = inPeriod < this.highTicks ? inPeriod : inPeriod - this.highTicks;
      value = this.count - (this.count % 2) - 2 * inHalf;
    } else {
      value = this.count - elapsed;
    }
    const limit = this.bcd ? 10000 : 65536;
    value = ((value % limit) + limit) % limit;
    return this.bcd ? toBcd(value) : value;
  }
}

export class Pit implements PortDevice {
  readonly widest = 1;
  private readonly channels = [new Channel(true), new Channel(true), new Channel(false)];
  private readonly frequency = new Frequency(PIT_HERTZ);
  private event: ClockEvent | undefined;
  private systemControl = 0;

  /** `setInterrupt` is the level of channel 0's output, IRQ 0. */
  constructor(
    private readonly clock: Clock,
    private readonly setInterrupt: (level: boolean) => void,
  ) {}

  static attach(bus: Bus, clock: Clock, setInterrupt: (level: boolean) => void): Pit {
    const pit = new Pit(clock, setInterrupt);
    bus.claimPorts(CHANNEL0_PORT, CONTROL_PORT, pit);
    bus.claimPorts(SYSTEM_CONTROL_PORT, SYSTEM_CONTROL_PORT, {
      widest: 1,
      read: () => pit.readSystemControl(),
      write: (_port, _size, value) => pit.writeSystemControl(value),
    });
    return pit;
  }

  save() {
    const { systemControl } = this;
    return { systemControl, channels: this.channels.map((channel) => channel.save()), event: eventTime(this.event) };
  }

  restore({ systemControl, channels, event }: ReturnType<Pit['save']>): void {
    this.systemControl = systemControl;
    this.channels.forEach((channel, i) => channel.restore(channels[i]));
    this.event = event && this.clock.reschedule(event, this.changed);
  }

  read(port: number, _size: 1 | 2 | 4): number {
    // The control word cannot be read.
    return port === CONTROL_PORT ? 0xff : this.channels[port - CHANNEL0_PORT].read(this.ticks);
  }

  write(port: number, _size: 1 | 2 | 4, value: number): void {
    if (port === CONTROL_PORT) this.writeControl(value);
    else this.channels[port - CHANNEL0_PORT].write(value, this.ticks);
    this.updateInterrupt();
  }

  private get ticks(): number {
    return this.frequency.ticksAt(this.clock.now);
  }

  private writeControl(value: number): void {
    const select = value >> Control.SELECT_SHIFT;
    const access: Access = (value >> Control.ACCESS_SHIFT) & 3;
    if (select === READ_BACK) this.readBack(value);
    else if (access === Access.LATCH) this.channels[select].latchCount(this.ticks);
    else this.channels[select].program(value);
  }

  private readBack(command: number): void {
    this.channels.forEach((channel, index) => {
      if (!(command & (ReadBack.CHANNEL0 << index))) return;
      if (!(command & ReadBack.NO_COUNT)) channel.latchCount(this.ticks);
      if (!(command & ReadBack.NO_STATUS)) channel.latchStatus(this.ticks);
    });
  }

  private readSystemControl(): number {
    const now = this.ticks;
    const refresh = Math.floor(now / REFRESH_TICKS) % 2 ? SystemControl.REFRESH : 0;
    return this.systemControl | refresh | (this.channels[2].output(now) ? SystemControl.OUT2 : 0);
  }

  private writeSystemControl(value: number): void {
    this.systemControl = value & (SystemControl.GATE2 | SystemControl.SPEAKER);
    this.channels[2].setGate((value & SystemControl.GATE2) !== 0, this.ticks);
  }

  /** Passes on channel 0's output, now and whenever it changes. */
  private updateInterrupt(): void {
    const now = this.ticks;
    if (this.event) this.clock.cancel(this.event);
    this.event = undefined;
    this.setInterrupt(this.channels[0].output(now));
    const next = this.channels[0].nextChange(now);
    if (next === undefined) return;
    this.event = this.clock.schedule(this.frequency.timeOf(next), this.changed);
  }

  /** Channel 0's output changes. */
  private readonly changed = (): void => {
    this.event = undefined;
    this.updateInterrupt();
  };
}
