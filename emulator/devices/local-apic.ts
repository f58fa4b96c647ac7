/**
 * The local APIC of one processor (SDM vol. 3, chapter 11): takes interrupts from the APIC bus, its local interrupt pins
 * and its timer, and hands them to the processor by priority. In xAPIC mode its registers are a page of memory that only
 * this processor sees, in x2APIC mode they are MSRs.
 */
import type { Clock } from '../clock';
import { APIC_BASE_RESET, ApicBase } from '../cpu/apic-base';
import { GuestException, Vector } from '../cpu/exceptions';
import type { ProcessorApic } from '../cpu/local-apic';
import { DeliveryMode, type ApicBus, type ApicBusAgent, type Destination, type InterruptMessage } from './apic-bus';
import { APIC_VERSION, ApicRegister, Esr, Icr, LOWEST_VECTOR, Lvt, LVT_WRITABLE, Svr } from './local-apic-registers';
import { LocalApicTimer, type TimerMode } from './local-apic-timer';
import { VectorSet } from './vector-set';

const ALL_ONES = 0xffffffff;
const TIMER_MODES: readonly TimerMode[] = ['one-shot', 'periodic', 'deadline'];
const LINT = [ApicRegister.LVT_LINT0, ApicRegister.LVT_LINT1] as const;

/** Destination shorthands of the ICR. */
const enum Shorthand {
  NONE = 0,
  SELF = 1,
  ALL = 2,
  OTHERS = 3,
}

export interface LocalApicConnections {
  readonly clock: Clock;
  readonly bus: ApicBus;
  /** Number of the processor. */
  readonly id: number;
  /** The time-stamp counter of the processor. */
  readonly timestamp: () => bigint;
  /** Acknowledges the interrupt of the 8259s wired to LINT0. */
  readonly acknowledgeExternal: () => number;
  /** An INIT message arrived for this processor. */
  readonly initialize: () => void;
}

export class LocalApic implements ApicBusAgent, ProcessorApic {
  /** A fixed or external interrupt is there for the processor: the level of the interrupt request to it. */
  interruptRequested = false;
  /** A non-maskable interrupt is there; the processor clears this as it takes it. */
  nmiPending = false;
  /** Physical address of the page of registers in xAPIC mode; undefined while there is none. */
  page: number | undefined;

  private base = APIC_BASE_RESET;
  private id: number;
  private tpr = 0;
  private ldr = 0;
  private dfr = ALL_ONES;
  private svr = 0xff;
  private esr = 0;
  /** Errors since the ESR was last written. */
  private errors = 0;
  private icrLow = 0;
  private icrHigh = 0;
  private readonly isr = new VectorSet();
  private readonly tmr = new VectorSet();
  private readonly irr = new VectorSet();
  private readonly lvt = new Map<ApicRegister, number>();
  /** Levels of the pins LINT0 and LINT1. */
  private readonly lint: [boolean, boolean] = [false, false];
  private readonly timer: LocalApicTimer;

  constructor(private readonly connections: LocalApicConnections) {
    this.id = connections.id;
    this.timer = new LocalApicTimer(connections.clock, connections.timestamp, () =>
      this.raiseLocal(ApicRegister.LVT_TIMER),
    );
    connections.bus.attach(this);
    this.reset();
    this.setBase(APIC_BASE_RESET);
  }

  /** State after power-up (SDM vol. 3, section 11.4.7.1). */
  private reset(): void {
    this.id = this.connections.id;
    this.tpr = 0;
    this.ldr = 0;
    this.dfr = ALL_ONES;
    this.svr = 0xff;
    this.esr = this.errors = 0;
    this.icrLow = this.icrHigh = 0;
    for (const vectors of [this.isr, this.tmr, this.irr]) vectors.clear();
    for (const entry of LVT_WRITABLE.keys()) this.lvt.set(entry, Lvt.MASKED);
    this.timer.reset();
    this.update();
  }

  /** What firmware leaves behind: the 8259s through LINT0, NMIs through LINT1 (MP specification 1.4, section 3.6.2.2). */
  enterVirtualWireMode(): void {
    this.writeRegister(ApicRegister.SVR, Svr.ENABLED | 0xff);
    this.writeRegister(ApicRegister.LVT_LINT0, Lvt.LEVEL_TRIGGERED | (DeliveryMode.EXT_INT << Lvt.MODE_SHIFT));
    this.writeRegister(ApicRegister.LVT_LINT1, DeliveryMode.NMI << Lvt.MODE_SHIFT);
  }

  save() {
    const { base, id, tpr, ldr, dfr, svr, esr, errors, icrLow, icrHigh, nmiPending } = this;
    return {
      ...{ base, id, tpr, ldr, dfr, svr, esr, errors, icrLow, icrHigh, nmiPending },
      ...{ isr: this.isr.save(), tmr: this.tmr.save(), irr: this.irr.save() },
      ...{ lvt: [...this.lvt], lint: [...this.lint], timer: this.timer.save() },
    };
  }

  restore({ isr, tmr, irr, lvt, lint, timer, ...rest }: ReturnType<LocalApic['save']>): void {
    Object.assign(this, rest);
    this.isr.restore(isr);
    this.tmr.restore(tmr);
    this.irr.restore(irr);
    for (const [register, entry] of lvt) this.lvt.set(register, entry);
    Object.assign(this.lint, lint);
    this.timer.restore(timer);
    this.placePage();
    this.update();
  }

  // The processor's side.

  get initialId(): number {
    return this.connections.id;
  }

  setBase(value: bigint): void {
    const wasEnabled = this.enabled;
    this.base = value;
    if (wasEnabled && !this.enabled) this.reset();
    this.placePage();
    if (this.x2apic) this.ldr = ((this.id >>> 4) << 16) | (1 << (this.id & 15));
    this.update();
  }

  private placePage(): void {
    this.page = this.enabled && !this.x2apic ? Number(this.base & ~0xfffn) : undefined;
  }

  get taskPriority(): number {
    return this.tpr;
  }
  set taskPriority(value: number) {
    this.tpr = value;
    this.update();
  }

  get deadline(): bigint {
    return this.timer.deadline;
  }
  set deadline(value: bigint) {
    this.timer.deadline = value;
  }

  timestampWritten(): void {
    this.timer.timestampWritten();
  }

  /** The vector to deliver, which is then in service: the spurious vector if the priority has risen meanwhile. */
  acknowledge(): number {
    const vector = this.irr.highest;
    if (vector >> 4 > this.processorPriority >> 4) {
      this.irr.put(vector, false);
      this.isr.put(vector, true);
      this.update();
      return vector;
    }
    return this.externalRequested ? this.connections.acknowledgeExternal() : this.svr & Svr.VECTOR;
  }

  /** Level of a local interrupt pin. */
  setPin(pin: 0 | 1, level: boolean): void {
    const rose = level && !this.lint[pin];
    this.lint[pin] = level;
    const entry = this.entry(LINT[pin]);
    const sensesLevel = modeOf(entry) === DeliveryMode.FIXED && (entry & Lvt.LEVEL_TRIGGERED) !== 0;
    if (sensesLevel) this.senseLevel(pin);
    else if (rose) this.raiseLocal(LINT[pin]);
    this.update();
  }

  // The bus's side.

  get processorPriority(): number {
    const served = this.isr.highest;
    return served >> 4 > this.tpr >> 4 ? served & 0xf0 : this.tpr;
  }

  isAddressed({ id, logical }: Destination): boolean {
    if (!this.enabled) return false;
    if (id === (this.x2apic ? ALL_ONES : 0xff)) return true;
    if (!logical) return id === this.id;
    if (this.x2apic) return id >>> 16 === this.ldr >>> 16 && (id & this.ldr & 0xffff) !== 0;
    const own = this.ldr >>> 24;
    const flat = this.dfr >>> 28 === 0xf;
    return flat ? (id & own) !== 0 : id >> 4 === own >> 4 && (id & own & 0xf) !== 0;
  }

  accept({ vector, mode, levelTriggered }: InterruptMessage): void {
    switch (mode) {
      case DeliveryMode.FIXED:
      case DeliveryMode.LOWEST_PRIORITY:
        this.acceptFixed(vector, levelTriggered);
        break;
      case DeliveryMode.NMI:
        this.nmiPending = true;
        break;
      case DeliveryMode.INIT:
        this.connections.initialize();
        break;
      case DeliveryMode.START_UP:
      case DeliveryMode.SMI:
      case DeliveryMode.EXT_INT:
        // Only a processor that waits after INIT starts up; there is no system-management mode; LINT0 has the 8259s.
        break;
    }
  }

  private acceptFixed(vector: number, levelTriggered: boolean): void {
    if (!this.softwareEnabled) return;
    if (vector < LOWEST_VECTOR) {
      this.noteError(Esr.RECEIVED_ILLEGAL_VECTOR);
      return;
    }
    this.irr.put(vector, true);
    this.tmr.put(vector, levelTriggered);
    this.update();
  }

  // Registers.

  /** Reads a register of the page; those that are not there read 0. */
  readRegister(register: ApicRegister): number {
    if (register >= ApicRegister.ISR && register < ApicRegister.ESR) return this.readVectors(register);
    switch (register) {
      case ApicRegister.ID:
        return this.x2apic ? this.id : (this.id << 24) >>> 0;
      case ApicRegister.VERSION:
        return APIC_VERSION;
      case ApicRegister.TPR:
        return this.tpr;
      case ApicRegister.PPR:
        return this.processorPriority;
      case ApicRegister.LDR:
        return this.ldr >>> 0;
      case ApicRegister.DFR:
        return this.dfr;
      case ApicRegister.SVR:
        return this.svr;
      case ApicRegister.ESR:
        return this.esr;
      case ApicRegister.ICR_LOW:
        return this.icrLow;
      case ApicRegister.ICR_HIGH:
        return this.icrHigh;
      case ApicRegister.INITIAL_COUNT:
        return this.timer.initialCount;
      case ApicRegister.CURRENT_COUNT:
        return this.timer.currentCount;
      case ApicRegister.DIVIDE:
        return this.timer.divideConfiguration;
      case ApicRegister.EOI:
      case ApicRegister.APR:
      case ApicRegister.SELF_IPI:
        return 0;
      default:
        return this.readEntry(register);
    }
  }

  /** Writes a register of the page; read-only ones stay, reserved bits are ignored. */
  writeRegister(register: ApicRegister, value: number): void {
    switch (register) {
      case ApicRegister.ID:
        this.id = value >>> 24;
        break;
      case ApicRegister.TPR:
        this.tpr = value & 0xff;
        break;
      case ApicRegister.EOI:
        this.endOfInterrupt();
        break;
      case ApicRegister.LDR:
        this.ldr = (value & 0xff000000) >>> 0;
        break;
      case ApicRegister.DFR:
        this.dfr = (value | 0x0fffffff) >>> 0;
        break;
      case ApicRegister.SVR:
        this.writeSpurious(value);
        break;
      case ApicRegister.ESR:
        // Writing shows the errors since the last write.
        this.esr = this.errors;
        this.errors = 0;
        break;
      case ApicRegister.ICR_LOW:
        this.icrLow = value & Icr.WRITABLE;
        this.send();
        break;
      case ApicRegister.ICR_HIGH:
        this.icrHigh = (value & 0xff000000) >>> 0;
        break;
      case ApicRegister.INITIAL_COUNT:
        this.timer.initialCount = value >>> 0;
        break;
      case ApicRegister.DIVIDE:
        this.timer.divideConfiguration = value;
        break;
      case ApicRegister.SELF_IPI:
      case ApicRegister.VERSION:
      case ApicRegister.APR:
      case ApicRegister.PPR:
      case ApicRegister.ISR:
      case ApicRegister.TMR:
      case ApicRegister.IRR:
      case ApicRegister.CURRENT_COUNT:
        break;
      default:
        this.writeEntry(register, value);
    }
    this.update();
  }

  private readVectors(register: ApicRegister): number {
    if (register < ApicRegister.TMR) return this.isr.words[register - ApicRegister.ISR];
    if (register < ApicRegister.IRR) return this.tmr.words[register - ApicRegister.TMR];
    return this.irr.words[register - ApicRegister.IRR];
  }

  private readEntry(register: ApicRegister): number {
    const entry = this.lvt.get(register);
    if (entry === undefined) this.noteError(Esr.ILLEGAL_REGISTER);
    return entry ?? 0;
  }

  private writeEntry(register: ApicRegister, value: number): void {
    const writable = LVT_WRITABLE.get(register);
    if (writable === undefined) {
      this.noteError(Esr.ILLEGAL_REGISTER);
      return;
    }
    const kept = this.entry(register) & Lvt.REMOTE_IRR;
    // While the APIC is disabled by software, every entry stays masked.
    this.lvt.set(register, (value & writable) | kept | (this.softwareEnabled ? 0 : Lvt.MASKED));
    if (register === ApicRegister.LVT_TIMER) {
      this.timer.setMode(TIMER_MODES[(value & Lvt.TIMER_MODE) >> Lvt.TIMER_MODE_SHIFT] ?? 'one-shot');
    }
    const pin = register === ApicRegister.LVT_LINT0 ? 0 : register === ApicRegister.LVT_LINT1 ? 1 : undefined;
    if (pin !== undefined) this.senseLevel(pin);
  }

  private writeSpurious(value: number): void {
    this.svr = value & Svr.WRITABLE;
    if (this.softwareEnabled) return;
    for (const [register, entry] of this.lvt) this.lvt.set(register, entry | Lvt.MASKED);
  }

  readMsr(index: number): bigint {
    const register: ApicRegister = index;
    const writeOnly = register === ApicRegister.EOI || register === ApicRegister.SELF_IPI;
    if (!this.x2apic || writeOnly || !isX2apicRegister(register)) generalProtection();
    if (register === ApicRegister.ICR_LOW) return (BigInt(this.icrHigh) << 32n) | BigInt(this.icrLow);
    return BigInt(this.readRegister(register));
  }

  writeMsr(index: number, value: bigint): void {
    const register: ApicRegister = index;
    const writable = X2APIC_WRITABLE.get(register) ?? LVT_WRITABLE.get(register);
    if (!this.x2apic || writable === undefined) generalProtection();
    if (register === ApicRegister.ICR_LOW) this.icrHigh = Number(value >> 32n);
    else if (value >> 32n) generalProtection();
    const low = Number(value & 0xffffffffn);
    // Read-only status bits may be written back as they were read.
    if (low & ~(writable | (LVT_WRITABLE.has(register) ? Lvt.DELIVERY_STATUS | Lvt.REMOTE_IRR : 0))) {
      generalProtection();
    }
    if (register === ApicRegister.SELF_IPI) this.sendToSelf(low & Lvt.VECTOR);
    else this.writeRegister(register, low);
  }

  // Interrupts.

  private endOfInterrupt(): void {
    const vector = this.isr.highest;
    if (vector < 0) return;
    this.isr.put(vector, false);
    if (!this.tmr.has(vector)) return;
    this.connections.bus.end(vector);
    for (const pin of [0, 1] as const) {
      const entry = this.entry(LINT[pin]);
      if (!(entry & Lvt.REMOTE_IRR) || (entry & Lvt.VECTOR) !== vector) continue;
      this.lvt.set(LINT[pin], entry & ~Lvt.REMOTE_IRR);
      this.senseLevel(pin);
    }
  }

  /** A level-triggered pin of fixed mode interrupts again until somebody lowers it. */
  private senseLevel(pin: 0 | 1): void {
    const entry = this.entry(LINT[pin]);
    const blocked = (entry & (Lvt.MASKED | Lvt.REMOTE_IRR)) !== 0 || !(entry & Lvt.LEVEL_TRIGGERED);
    if (blocked || !this.lint[pin] || modeOf(entry) !== DeliveryMode.FIXED) return;
    this.lvt.set(LINT[pin], entry | Lvt.REMOTE_IRR);
    this.acceptFixed(entry & Lvt.VECTOR, true);
  }

  /** Something local happened that the entry of the local vector table makes an interrupt. */
  private raiseLocal(register: ApicRegister): void {
    const entry = this.entry(register);
    // The pin of an external interrupt is looked at, not noted: see `externalRequested`.
    if (entry & Lvt.MASKED || modeOf(entry) === DeliveryMode.EXT_INT) return;
    this.accept({ vector: entry & Lvt.VECTOR, mode: modeOf(entry), levelTriggered: false });
  }

  private noteError(error: Esr): void {
    const before = this.errors;
    this.errors |= error;
    // A bad vector in the error entry itself makes no further error.
    if (before !== this.errors && (this.entry(ApicRegister.LVT_ERROR) & Lvt.VECTOR) >= LOWEST_VECTOR) {
      this.raiseLocal(ApicRegister.LVT_ERROR);
    }
  }

  private send(): void {
    const { bus } = this.connections;
    const mode = modeOf(this.icrLow);
    const vector = this.icrLow & Lvt.VECTOR;
    const levelTriggered = (this.icrLow & Icr.LEVEL_TRIGGERED) !== 0;
    if ((mode === DeliveryMode.FIXED || mode === DeliveryMode.LOWEST_PRIORITY) && vector < LOWEST_VECTOR) {
      this.noteError(Esr.SENT_ILLEGAL_VECTOR);
      return;
    }
    // INIT level de-assert synchronized arbitration on old processors and does nothing since.
    if (mode === DeliveryMode.INIT && levelTriggered && !(this.icrLow & Icr.ASSERT)) return;
    // Only I/O interrupts are level-triggered.
    const message = { vector, mode, levelTriggered: false };
    const shorthand: Shorthand = (this.icrLow & Icr.SHORTHAND) >> Icr.SHORTHAND_SHIFT;
    if (shorthand === Shorthand.SELF) this.sendToSelf(vector);
    else if (shorthand === Shorthand.ALL) bus.broadcast(message, mode === DeliveryMode.FIXED ? undefined : this);
    else if (shorthand === Shorthand.OTHERS) bus.broadcast(message, this);
    else {
      const id = this.x2apic ? this.icrHigh : this.icrHigh >>> 24;
      bus.send(message, { id, logical: (this.icrLow & Lvt.LOGICAL) !== 0 });
    }
  }

  /** Only fixed interrupts can be sent with this shorthand. */
  private sendToSelf(vector: number): void {
    if (vector < LOWEST_VECTOR) this.noteError(Esr.SENT_ILLEGAL_VECTOR);
    else this.acceptFixed(vector, false);
  }

  private get enabled(): boolean {
    return (this.base & BigInt(ApicBase.EN)) !== 0n;
  }

  private get x2apic(): boolean {
    return (this.base & BigInt(ApicBase.EXTD)) !== 0n;
  }

  private get softwareEnabled(): boolean {
    return (this.svr & Svr.ENABLED) !== 0;
  }

  private entry(register: ApicRegister): number {
    return this.lvt.get(register) ?? Lvt.MASKED;
  }

  /** The 8259s request an interrupt and LINT0 lets it through; without an APIC the pin is INTR itself. */
  private get externalRequested(): boolean {
    if (!this.lint[0]) return false;
    const entry = this.entry(ApicRegister.LVT_LINT0);
    return !this.enabled || (!(entry & Lvt.MASKED) && modeOf(entry) === DeliveryMode.EXT_INT);
  }

  private update(): void {
    this.interruptRequested = this.irr.highest >> 4 > this.processorPriority >> 4 || this.externalRequested;
  }
}

function modeOf(entry: number): DeliveryMode {
  return (entry & Lvt.MODE) >> Lvt.MODE_SHIFT;
}

function generalProtection(): never {
  throw new GuestException(Vector.GP, 0);
}

/** Bits that may be written in x2APIC mode, besides the local vector table; the others raise #GP (table 11-6). */
const X2APIC_WRITABLE: ReadonlyMap<ApicRegister, number> = new Map([
  [ApicRegister.TPR, 0xff],
  [ApicRegister.EOI, 0],
  [ApicRegister.SVR, Svr.WRITABLE],
  [ApicRegister.ESR, 0],
  [ApicRegister.ICR_LOW, Icr.WRITABLE],
  [ApicRegister.INITIAL_COUNT, ALL_ONES],
  [ApicRegister.DIVIDE, 0xb],
  [ApicRegister.SELF_IPI, Lvt.VECTOR],
]);

const X2APIC_READ_ONLY: ReadonlySet<ApicRegister> = new Set([
  ...[ApicRegister.ID, ApicRegister.VERSION, ApicRegister.PPR, ApicRegister.LDR, ApicRegister.CURRENT_COUNT],
]);

function isX2apicRegister(register: ApicRegister): boolean {
  const vectors = register >= ApicRegister.ISR && register < ApicRegister.ESR;
  return vectors || X2APIC_READ_ONLY.has(register) || X2APIC_WRITABLE.has(register) || LVT_WRITABLE.has(register);
}
