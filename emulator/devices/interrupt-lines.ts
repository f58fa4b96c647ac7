/**
 * Interrupt lines of the ISA bus: wired to the 8259s and, where there is one, to the IO-APIC. The HPET can take the lines
 * of the 8254 and the real-time clock over.
 */
import type { IoApic } from './io-apic';
import type { Pic } from './pic';
import { PIT_IRQ } from './pit';

/** IO-APIC pin of IRQ 0; pin 0 is the 8259s', and IRQ 2 their cascade. */
export const PIT_PIN = 2;
const CASCADE_IRQ = 2;

export class InterruptLines {
  /** Lines that the HPET has taken over do not follow their devices. */
  private readonly replaced = new Set<number>();
  /** What the devices want of their lines. */
  private readonly levels = new Array<boolean>(16).fill(false);

  constructor(
    private readonly pic: Pic,
    private readonly ioApic?: IoApic,
  ) {}

  save() {
    return { replaced: [...this.replaced], levels: [...this.levels] };
  }

  /** The interrupt controllers know the levels already. */
  restore({ replaced, levels }: ReturnType<InterruptLines['save']>): void {
    this.replaced.clear();
    for (const irq of replaced) this.replaced.add(irq);
    Object.assign(this.levels, levels);
  }

  /** Level of an ISA interrupt line, from its device. */
  set(irq: number, level: boolean): void {
    this.levels[irq] = level;
    if (!this.replaced.has(irq)) this.drive(irq, level);
  }

  /** Level of a line that has been taken over, from the one who took it; else of no consequence. */
  setReplaced(irq: number, level: boolean): void {
    if (this.replaced.has(irq)) this.drive(irq, level);
  }

  /** Takes lines from their devices, or gives them back. */
  replace(irqs: readonly number[], replaced: boolean): void {
    for (const irq of irqs) {
      if (replaced) this.replaced.add(irq);
      else this.replaced.delete(irq);
      this.drive(irq, !replaced && this.levels[irq]);
    }
  }

  private drive(irq: number, level: boolean): void {
    this.pic.setLine(irq, level);
    if (irq !== CASCADE_IRQ) this.ioApic?.setPin(irq === PIT_IRQ ? PIT_PIN : irq, level);
  }
}
