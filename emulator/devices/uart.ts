/**
 * 16550A serial port (National Semiconductor PC16550D data sheet). Transmitting takes no time; received bytes wait
 * outside until the receive FIFO has room, so none is lost.
 */
import type { Bus, PortDevice } from './bus';

export const COM1 = 0x3f8;
export const COM1_IRQ = 4;

/** Register offsets. With LCR.DLAB the first two are the divisor latch. */
const enum Register {
  /** Receiver buffer (read), transmitter holding (write), divisor low. */
  RBR_THR_DLL = 0,
  /** Interrupt enable, divisor high. */
  IER_DLM = 1,
  /** Interrupt identification (read), FIFO control (write). */
  IIR_FCR = 2,
  LCR = 3,
  MCR = 4,
  LSR = 5,
  MSR = 6,
  SCR = 7,
}

/** Interrupt enable register. */
const enum Ier {
  RECEIVED_DATA = 1 << 0,
  TRANSMITTER_EMPTY = 1 << 1,
  LINE_STATUS = 1 << 2,
  MODEM_STATUS = 1 << 3,
}

/** Interrupt identification register. */
const enum Iir {
  MODEM_STATUS = 0x0,
  NONE = 0x1,
  TRANSMITTER_EMPTY = 0x2,
  RECEIVED_DATA = 0x4,
  LINE_STATUS = 0x6,
  CHARACTER_TIMEOUT = 0xc,
  FIFOS_ENABLED = 0xc0,
}

/** FIFO control register. */
const enum Fcr {
  ENABLE = 1 << 0,
  CLEAR_RECEIVE = 1 << 1,
}

/** Line control register. */
const enum Lcr {
  DLAB = 1 << 7,
}

/** Modem control register. */
const enum Mcr {
  DTR = 1 << 0,
  RTS = 1 << 1,
  OUT1 = 1 << 2,
  /** On a PC, OUT2 connects the interrupt line. */
  OUT2 = 1 << 3,
  LOOP = 1 << 4,
}

/** Line status register. */
const enum Lsr {
  DATA_READY = 1 << 0,
  OVERRUN = 1 << 1,
  THR_EMPTY = 1 << 5,
  TRANSMITTER_EMPTY = 1 << 6,
}

/** Modem status register. */
const enum Msr {
  DELTA_CTS = 1 << 0,
  DELTA_DSR = 1 << 1,
  TRAILING_EDGE_RI = 1 << 2,
  DELTA_DCD = 1 << 3,
  CTS = 1 << 4,
  DSR = 1 << 5,
  RI = 1 << 6,
  DCD = 1 << 7,
}

const FIFO_BYTES = 16;
/** Bytes in the receive FIFO that raise the interrupt, by FCR bits 7..6. */
const TRIGGER_LEVELS = [1, 4, 8, 14];

export interface UartConnection {
  /** A byte the guest sent. */
  transmit(byte: number): void;
  /** Level of the interrupt line. */
  setInterrupt(level: boolean): void;
}

export class Uart implements PortDevice {
  readonly widest = 1;
  private readonly receiveFifo: number[] = [];
  /** Bytes from outside that the FIFO has no room for yet. */
  private readonly waiting: number[] = [];
  private divisor = 12;
  private ier = 0;
  private lcr = 0;
  private mcr = 0;
  private scratch = 0;
  private fifosEnabled = false;
  private trigger = 1;
  private overrun = false;
  private modemDelta = 0;
  /** The transmitter became empty since IIR was last read; cleared by reading IIR or writing THR. */
  private transmitterInterrupt = false;

  constructor(
    private readonly base: number,
    private readonly connection: UartConnection,
  ) {}

  /** A UART at COM1. */
  static attach(bus: Bus, connection: UartConnection, base = COM1): Uart {
    const uart = new Uart(base, connection);
    bus.claimPorts(base, base + 7, uart);
    return uart;
  }

  save() {
    const { divisor, ier, lcr, mcr, scratch, fifosEnabled, trigger, overrun, modemDelta, transmitterInterrupt } = this;
    return {
      ...{ divisor, ier, lcr, mcr, scratch, fifosEnabled, trigger, overrun, modemDelta, transmitterInterrupt },
      ...{ receiveFifo: [...this.receiveFifo], waiting: [...this.waiting] },
    };
  }

  restore({ receiveFifo, waiting, ...rest }: ReturnType<Uart['save']>): void {
    Object.assign(this, rest);
    this.receiveFifo.splice(0, Infinity, ...receiveFifo);
    this.waiting.splice(0, Infinity, ...waiting);
  }

  /** Bytes that arrive on the line. */
  receive(data: Uint8Array): void {
    this.waiting.push(...data);
    this.refill();
    this.updateInterrupt();
  }

  read(port: number, _size: 1 | 2 | 4): number {
    const dlab = (this.lcr & Lcr.DLAB) !== 0;
    const register: Register = port - this.base;
    switch (register) {
      case Register.RBR_THR_DLL:
        return dlab ? this.divisor & 0xff : this.readReceived();
      case Register.IER_DLM:
        return dlab ? this.divisor >> 8 : this.ier;
      case Register.IIR_FCR:
        return this.readInterruptIdentification();
      case Register.LCR:
        return this.lcr;
      case Register.MCR:
        return this.mcr;
      case Register.LSR:
        return this.readLineStatus();
      case Register.MSR:
        return this.readModemStatus();
      case Register.SCR:
        return this.scratch;
    }
  }

  write(port: number, _size: 1 | 2 | 4, value: number): void {
    const dlab = (this.lcr & Lcr.DLAB) !== 0;
    const register: Register = port - this.base;
    switch (register) {
      case Register.RBR_THR_DLL:
        if (dlab) this.divisor = (this.divisor & 0xff00) | value;
        else this.transmit(value);
        break;
      case Register.IER_DLM:
        if (dlab) this.divisor = (this.divisor & 0xff) | (value << 8);
        else this.writeInterruptEnable(value & 0xf);
        break;
      case Register.IIR_FCR:
        this.writeFifoControl(value);
        break;
      case Register.LCR:
        this.lcr = value;
        break;
      case Register.MCR:
        this.writeModemControl(value & 0x1f);
        break;
      case Register.SCR:
        this.scratch = value;
        break;
      case Register.LSR:
      case Register.MSR:
        // Read-only outside of factory tests.
        break;
    }
    this.updateInterrupt();
  }

  private get loop(): boolean {
    return (this.mcr & Mcr.LOOP) !== 0;
  }

  private get capacity(): number {
    return this.fifosEnabled ? FIFO_BYTES : 1;
  }

  private refill(): void {
    while (!this.loop && this.waiting.length > 0 && this.receiveFifo.length < this.capacity) {
      this.receiveFifo.push(this.waiting.shift() ?? 0);
    }
  }

  private readReceived(): number {
    const byte = this.receiveFifo.shift() ?? 0;
    this.refill();
    this.updateInterrupt();
    return byte;
  }

  /** THR is empty again at once: the interrupt goes away and comes back, an edge for the interrupt controller. */
  private transmit(byte: number): void {
    this.transmitterInterrupt = false;
    this.updateInterrupt();
    if (!this.loop) this.connection.transmit(byte);
    else if (this.receiveFifo.length < this.capacity) this.receiveFifo.push(byte);
    else this.overrun = true;
    this.transmitterInterrupt = true;
  }

  private writeInterruptEnable(value: number): void {
    // Enabling the interrupt while THR is empty raises it.
    if (value & ~this.ier & Ier.TRANSMITTER_EMPTY) this.transmitterInterrupt = true;
    this.ier = value;
  }

  private writeFifoControl(value: number): void {
    const enable = (value & Fcr.ENABLE) !== 0;
    if (enable !== this.fifosEnabled || value & Fcr.CLEAR_RECEIVE) this.receiveFifo.length = 0;
    this.fifosEnabled = enable;
    this.trigger = enable ? TRIGGER_LEVELS[value >> 6] : 1;
    this.refill();
  }

  private writeModemControl(value: number): void {
    const before = this.modemLines();
    this.mcr = value;
    this.noteModemChange(before);
    this.refill();
  }

  /** Modem inputs: a connected terminal, or in loop mode the modem outputs. */
  private modemLines(): number {
    if (!this.loop) return Msr.CTS | Msr.DSR | Msr.DCD;
    let lines = 0;
    if (this.mcr & Mcr.RTS) lines |= Msr.CTS;
    if (this.mcr & Mcr.DTR) lines |= Msr.DSR;
    if (this.mcr & Mcr.OUT1) lines |= Msr.RI;
    if (this.mcr & Mcr.OUT2) lines |= Msr.DCD;
    return lines;
  }

  private noteModemChange(before: number): void {
    const now = this.modemLines();
    const changed = before ^ now;
    if (changed & Msr.CTS) this.modemDelta |= Msr.DELTA_CTS;
    if (changed & Msr.DSR) this.modemDelta |= Msr.DELTA_DSR;
    if (changed & before & Msr.RI) this.modemDelta |= Msr.TRAILING_EDGE_RI;
    if (changed & Msr.DCD) this.modemDelta |= Msr.DELTA_DCD;
  }

  private readLineStatus(): number {
    let status = Lsr.THR_EMPTY | Lsr.TRANSMITTER_EMPTY;
    if (this.receiveFifo.length > 0) status |= Lsr.DATA_READY;
    if (this.overrun) status |= Lsr.OVERRUN;
    this.overrun = false;
    this.updateInterrupt();
    return status;
  }

  private readModemStatus(): number {
    const status = this.modemLines() | this.modemDelta;
    this.modemDelta = 0;
    this.updateInterrupt();
    return status;
  }

  private readInterruptIdentification(): number {
    const pending = this.pendingInterrupt();
    if (pending === Iir.TRANSMITTER_EMPTY) {
      this.transmitterInterrupt = false;
      this.updateInterrupt();
    }
    return pending | (this.fifosEnabled ? Iir.FIFOS_ENABLED : 0);
  }

  /** The enabled interrupt of the highest priority (data sheet, table III). */
  private pendingInterrupt(): Iir {
    if (this.ier & Ier.LINE_STATUS && this.overrun) return Iir.LINE_STATUS;
    if (this.ier & Ier.RECEIVED_DATA && this.receiveFifo.length > 0) {
      // Fewer bytes than the trigger level: the character timeout, which takes no time here either.
      return this.receiveFifo.length >= this.trigger ? Iir.RECEIVED_DATA : Iir.CHARACTER_TIMEOUT;
    }
    if (this.ier & Ier.TRANSMITTER_EMPTY && this.transmitterInterrupt) return Iir.TRANSMITTER_EMPTY;
    if (this.ier & Ier.MODEM_STATUS && this.modemDelta !== 0) return Iir.MODEM_STATUS;
    return Iir.NONE;
  }

  private updateInterrupt(): void {
    const connected = (this.mcr & Mcr.OUT2) !== 0 && !this.loop;
    this.connection.setInterrupt(connected && this.pendingInterrupt() !== Iir.NONE);
  }
}
