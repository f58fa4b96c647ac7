/**
 * How interrupts travel between IO-APICs and local APICs: messages on the system bus, addressed to one or several
 * processors (SDM vol. 3, section 11.6.2), and the end-of-interrupt broadcast back.
 */

/** Delivery mode field of the ICR, the LVT and the redirection table (SDM vol. 3, section 11.6.1). */
export const enum DeliveryMode {
  FIXED = 0,
  LOWEST_PRIORITY = 1,
  SMI = 2,
  NMI = 4,
  INIT = 5,
  START_UP = 6,
  EXT_INT = 7,
}

export interface InterruptMessage {
  readonly vector: number;
  readonly mode: DeliveryMode;
  readonly levelTriggered: boolean;
}

/** Whom a message is for: 8 bits, or 32 bits when x2APIC mode sends it. */
export interface Destination {
  readonly id: number;
  readonly logical: boolean;
}

/** One processor's side of the bus. */
export interface ApicBusAgent {
  isAddressed(destination: Destination): boolean;
  /** Arbitration: the agent of the lowest value takes a message of lowest-priority mode. */
  readonly processorPriority: number;
  accept(message: InterruptMessage): void;
}

export class ApicBus {
  private readonly agents: ApicBusAgent[] = [];
  private readonly endListeners: ((vector: number) => void)[] = [];

  attach(agent: ApicBusAgent): void {
    this.agents.push(agent);
  }

  /** A message that nobody is there for is lost. */
  send(message: InterruptMessage, destination: Destination): void {
    this.deliver(
      message,
      this.agents.filter((agent) => agent.isAddressed(destination)),
    );
  }

  /** ICR shorthands: to every processor, or to all but `except`. */
  broadcast(message: InterruptMessage, except?: ApicBusAgent): void {
    this.deliver(
      message,
      this.agents.filter((agent) => agent !== except),
    );
  }

  /** `listener` learns the vector of each level-triggered interrupt that a processor has ended. */
  onEnd(listener: (vector: number) => void): void {
    this.endListeners.push(listener);
  }

  /** A processor ended a level-triggered interrupt. */
  end(vector: number): void {
    for (const listener of this.endListeners) listener(vector);
  }

  private deliver(message: InterruptMessage, targets: ApicBusAgent[]): void {
    if (message.mode !== DeliveryMode.LOWEST_PRIORITY) {
      for (const agent of targets) agent.accept(message);
    } else if (targets.length > 0) {
      targets.reduce((a, b) => (b.processorPriority < a.processorPriority ? b : a)).accept(message);
    }
  }
}
