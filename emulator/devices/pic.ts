/** Two cascaded 8259A interrupt controllers of a PC (Intel 8259A data sheet). */
import type { Bus, PortDevice } from './bus';

const MASTER_PORT = 0x20;
const SLAVE_PORT = 0xa0;
/** Edge/level control registers of the chip set: one bit per line, 1 = level-triggered. */
const ELCR_PORT = 0x4d0;
/** The master's input to which the slave is wired. */
const CASCADE = 2;
/** The line that stands in for a request that went away before it was acknowledged. */
const SPURIOUS = 7;

/** Initialization command word 1. */
const enum Icw1 {
  /** ICW4 follows. */
  IC4 = 1 << 0,
  /** No cascade: no ICW3. */
  SNGL = 1 << 1,
  LTIM = 1 << 3,
  INIT = 1 << 4,
}

/** Initialization command word 4. */
const enum Icw4 {
  AEOI = 1 << 1,
  SFNM = 1 << 4,
}

/** Operation command word 3; bit 3 set tells it from word 2. */
const enum Ocw3 {
  RIS = 1 << 0,
  RR = 1 << 1,
  POLL = 1 << 2,
  OCW3 = 1 << 3,
  SMM = 1 << 5,
  ESMM = 1 << 6,
}

/** Operation command word 2, bits 7..5: R, SL, EOI. */
const enum Ocw2 {
  ROTATE_IN_AEOI_CLEAR = 0,
  NONSPECIFIC_EOI = 1,
  SPECIFIC_EOI = 3,
  ROTATE_IN_AEOI_SET = 4,
  ROTATE_ON_NONSPECIFIC_EOI = 5,
  SET_PRIORITY = 6,
  ROTATE_ON_SPECIFIC_EOI = 7,
}

/** What the next write to the data port is. */
type Expecting = 'OCW1' | 'ICW2' | 'ICW3' | 'ICW4';

/** One 8259A. */
class Pic8259 implements PortDevice {
  readonly widest = 1;
  /** ELCR of this chip. */
  levelTriggered = 0;
  /** Interrupt request, in-service and mask registers. */
  private irr = 0;
  private isr = 0;
  private imr = 0;
  /** Levels of the inputs. */
  private lines = 0;
  private vectorBase = 0;
  private lowestPriority = 7;
  private autoEoi = false;
  private rotateInAutoEoi = false;
  private specialFullyNested = false;
  private specialMask = false;
  private readIsr = false;
  private polled = false;
  private expecting: Expecting = 'OCW1';
  private icw1 = 0;

  constructor(
    private readonly master: boolean,
    /** Called after anything that may change `requesting`. */
    private readonly changed: () => void,
  ) {}

  save() {
    const { levelTriggered, irr, isr, imr, lines, vectorBase, lowestPriority, autoEoi, rotateInAutoEoi } = this;
    const { specialFullyNested, specialMask, readIsr, polled, expecting, icw1 } = this;
    return {
      ...{ levelTriggered, irr, isr, imr, lines, vectorBase, lowestPriority, autoEoi, rotateInAutoEoi },
      ...{ specialFullyNested, specialMask, readIsr, polled, expecting, icw1 },
    };
  }

  restore(saved: ReturnType<Pic8259['save']>): void {
    Object.assign(this, saved);
  }

  setLine(line: number, level: boolean): void {
    const bit = 1 << line;
    const rose = level && !(this.lines & bit);
    this.lines = level ? this.lines | bit : this.lines & ~bit;
    // A request lasts only while its line is high; an edge-triggered one also needs a rise.
    if (!level) this.irr &= ~bit;
    else if (rose || this.levelTriggered & bit) this.irr |= bit;
    this.changed();
  }

  /** INT output. */
  get requesting(): boolean {
    return this.highestRequest() >= 0;
  }

  /** Acknowledges the request of the highest priority; -1 if it went away. */
  acknowledge(): number {
    const line = this.highestRequest();
    if (line < 0) return -1;
    const bit = 1 << line;
    if (!(this.levelTriggered & bit && this.lines & bit)) this.irr &= ~bit;
    if (!this.autoEoi) this.isr |= bit;
    else if (this.rotateInAutoEoi) this.lowestPriority = line;
    this.changed();
    return line;
  }

  /** Vector of a line; a spurious request uses line 7. */
  vector(line: number): number {
    return this.vectorBase | (line < 0 ? SPURIOUS : line);
  }

  read(port: number, _size: 1 | 2 | 4): number {
    if (this.polled) {
      this.polled = false;
      const line = this.acknowledge();
      return line < 0 ? SPURIOUS : 0x80 | line;
    }
    if (port & 1) return this.imr;
    return this.readIsr ? this.isr : this.irr;
  }

  write(port: number, _size: 1 | 2 | 4, value: number): void {
    if (port & 1) this.writeData(value);
    else if (value & Icw1.INIT) this.initialize(value);
    else if (value & Ocw3.OCW3) this.writeOcw3(value);
    else this.writeOcw2(value >> 5, value & 7);
    this.changed();
  }

  private initialize(icw1: number): void {
    this.icw1 = icw1;
    this.imr = 0;
    this.isr = 0;
    // The edge sense circuit is reset: a line must fall and rise again.
    this.irr = this.lines & this.levelTriggered;
    this.lowestPriority = 7;
    this.autoEoi = false;
    this.rotateInAutoEoi = false;
    this.specialFullyNested = false;
    this.specialMask = false;
    this.readIsr = false;
    this.polled = false;
    if (icw1 & Icw1.LTIM) this.levelTriggered = 0xff;
    this.expecting = 'ICW2';
  }

  private writeData(value: number): void {
    const afterIcw3: Expecting = this.icw1 & Icw1.IC4 ? 'ICW4' : 'OCW1';
    switch (this.expecting) {
      case 'ICW2':
        this.vectorBase = value & 0xf8;
        this.expecting = this.icw1 & Icw1.SNGL ? afterIcw3 : 'ICW3';
        break;
      case 'ICW3':
        // The cascade is wired: what ICW3 says about it is taken for granted.
        this.expecting = afterIcw3;
        break;
      case 'ICW4':
        this.autoEoi = (value & Icw4.AEOI) !== 0;
        this.specialFullyNested = (value & Icw4.SFNM) !== 0;
        this.expecting = 'OCW1';
        break;
      case 'OCW1':
        this.imr = value;
        break;
    }
  }

  private writeOcw2(command: Ocw2, line: number): void {
    switch (command) {
      case Ocw2.ROTATE_IN_AEOI_CLEAR:
        this.rotateInAutoEoi = false;
        break;
      case Ocw2.ROTATE_IN_AEOI_SET:
        this.rotateInAutoEoi = true;
        break;
      case Ocw2.NONSPECIFIC_EOI:
      case Ocw2.ROTATE_ON_NONSPECIFIC_EOI: {
        const served = this.highestInService();
        if (served < 0) break;
        this.isr &= ~(1 << served);
        if (command === Ocw2.ROTATE_ON_NONSPECIFIC_EOI) this.lowestPriority = served;
        break;
      }
      case Ocw2.SPECIFIC_EOI:
        this.isr &= ~(1 << line);
        break;
      case Ocw2.ROTATE_ON_SPECIFIC_EOI:
        this.isr &= ~(1 << line);
        this.lowestPriority = line;
        break;
      case Ocw2.SET_PRIORITY:
        this.lowestPriority = line;
        break;
    }
  }

  private writeOcw3(value: number): void {
    if (value & Ocw3.ESMM) this.specialMask = (value & Ocw3.SMM) !== 0;
    if (value & Ocw3.RR) this.readIsr = (value & Ocw3.RIS) !== 0;
    this.polled = (value & Ocw3.POLL) !== 0;
  }

  /** 0 is the highest priority. */
  private priority(line: number): number {
    return (line - this.lowestPriority - 1 + 8) & 7;
  }

  private highest(lines: number): number {
    for (let priority = 0; priority < 8; priority++) {
      const line = (this.lowestPriority + 1 + priority) & 7;
      if (lines & (1 << line)) return line;
    }
    return -1;
  }

  /** In special mask mode, a nonspecific EOI does not clear a bit whose line is masked. */
  private highestInService(): number {
    return this.highest(this.specialMask ? this.isr & ~this.imr : this.isr);
  }

  /** The unmasked request that no service of the same or a higher priority holds back. */
  private highestRequest(): number {
    const line = this.highest(this.irr & ~this.imr);
    if (line < 0) return -1;
    let blocking = this.specialMask ? this.isr & ~this.imr : this.isr;
    // Special fully nested mode: the slave being served does not hold back the slave.
    if (this.specialFullyNested && this.master) blocking &= ~(1 << CASCADE);
    const served = this.highest(blocking);
    return served < 0 || this.priority(line) < this.priority(served) ? line : -1;
  }
}

/** The pair: IRQ 0 to 7 at the master, 8 to 15 at the slave behind the master's line 2. */
export class Pic {
  private readonly slave: Pic8259 = new Pic8259(false, () => this.master.setLine(CASCADE, this.slave.requesting));
  private readonly master: Pic8259 = new Pic8259(true, () => this.outputChanged(this.master.requesting));

  /** `outputChanged` is told the level of the INTR output after anything that may have changed it. */
  constructor(private readonly outputChanged: (level: boolean) => void = () => {}) {}

  static attach(bus: Bus, outputChanged?: (level: boolean) => void): Pic {
    const pic = new Pic(outputChanged);
    bus.claimPorts(MASTER_PORT, MASTER_PORT + 1, pic.master);
    bus.claimPorts(SLAVE_PORT, SLAVE_PORT + 1, pic.slave);
    const elcr: PortDevice = {
      widest: 1,
      read: (port) => (port & 1 ? pic.slave : pic.master).levelTriggered,
      write: (port, _size, value) => {
        // Lines 0, 1, 2, 8 and 13 are always edge-triggered.
        (port & 1 ? pic.slave : pic.master).levelTriggered = value & (port & 1 ? 0xde : 0xf8);
      },
    };
    bus.claimPorts(ELCR_PORT, ELCR_PORT + 1, elcr);
    return pic;
  }

  save() {
    return { master: this.master.save(), slave: this.slave.save() };
  }

  restore({ master, slave }: ReturnType<Pic['save']>): void {
    this.master.restore(master);
    this.slave.restore(slave);
  }

  /** INTR output to the processor. */
  get interruptRequested(): boolean {
    return this.master.requesting;
  }

  /** Level of an interrupt line, `irq` 0 to 15 (2 is the cascade). */
  setLine(irq: number, level: boolean): void {
    if (irq < 8) this.master.setLine(irq, level);
    else this.slave.setLine(irq - 8, level);
  }

  /** Interrupt acknowledge cycle: the vector to deliver; that of line 7 if the request went away. */
  acknowledge(): number {
    const line = this.master.acknowledge();
    if (line !== CASCADE) return this.master.vector(line);
    const vector = this.slave.vector(this.slave.acknowledge());
    // The slave's INT output falls during the cycle, and rises if another of its requests is to be served first.
    this.master.setLine(CASCADE, false);
    this.master.setLine(CASCADE, this.slave.requesting);
    return vector;
  }
}
