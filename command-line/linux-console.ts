/** Runs a machine with Linux on it, its serial console joined to the terminal, until something ends it. */
import type { Readable } from 'node:stream';
import { Flag, type Machine } from '../emulator';
import { type Conversation, TextWatch } from './conversation';
import { nextSlice, FIRST_SLICE, SerialLine } from './execution';

export type LinuxEnd =
  /** The last prompt of the conversation has appeared. */
  | { readonly reason: 'conversation' }
  /** The kernel gave up: it says why on its console. */
  | { readonly reason: 'panic' }
  /** Shut down or restarted from within. */
  | { readonly reason: 'power-off' }
  | { readonly reason: 'reboot' }
  /** Halted with interrupts off, or waiting for input that cannot come. */
  | { readonly reason: 'halt' }
  | { readonly reason: 'triple-fault'; readonly vector: number }
  | { readonly reason: 'exit'; readonly code: number }
  | { readonly reason: 'instruction-limit' }
  | { readonly reason: 'time-limit' }
  /** The user pressed the key that ends the session. */
  | { readonly reason: 'quit' };

export interface LinuxConsoleOptions {
  readonly maxInstructions: number;
  readonly maxSeconds: number;
  /** Do not wait while the guest idles. */
  readonly fastTime: boolean;
  readonly input: Readable | undefined;
  /** Byte of `input` that ends the session. */
  readonly quitKey?: number;
  readonly conversation: Conversation | undefined;
  readonly messages: KernelMessages;
  /** Shows what the guest has written so far. */
  readonly flush: () => void;
}

/** What the kernel tells of its end on the console (kernel/panic.c, kernel/reboot.c). */
export class KernelMessages {
  panicked = false;
  /** The report of a panic is complete. */
  panicReported = false;
  halted = false;
  restarting = false;

  private readonly watches: readonly (readonly [TextWatch, () => void])[] = [
    [new TextWatch('Kernel panic - not syncing'), () => (this.panicked = true)],
    [new TextWatch('---[ end Kernel panic'), () => (this.panicReported = true)],
    [new TextWatch('reboot: Power down'), () => (this.halted = true)],
    [new TextWatch('reboot: System halted'), () => (this.halted = true)],
    [new TextWatch('reboot: Restarting system'), () => (this.restarting = true)],
  ];

  /** A byte the guest wrote. */
  see(byte: number): void {
    for (const [watch, note] of this.watches) if (watch.see(byte)) note();
  }
}

/** Nanoseconds the guest idles before the host does: shorter waits add up first, timers are not finer. */
const LEAST_WAIT = 2_000_000;
/** The host looks this often whether the time is up. */
const LONGEST_WAIT = 50_000_000;
const NANOSECONDS = 1_000_000;

/** See `LinuxEnd`. */
export async function runLinux(machine: Machine, options: LinuxConsoleOptions): Promise<LinuxEnd> {
  const { maxInstructions, maxSeconds, conversation, messages, fastTime } = options;
  const line = new SerialLine(machine, options.input, options.quitKey);
  machine.stopOn.idle = !fastTime;
  const idle = new RealTime(machine, line);
  const start = performance.now();
  let slice = FIRST_SLICE;
  try {
    for (;;) {
      await new Promise((resume) => setImmediate(resume));
      if (line.quit) return { reason: 'quit' };
      const left = maxInstructions - machine.instructionCount;
      if (left <= 0) return { reason: 'instruction-limit' };
      const sliceStart = performance.now();
      if (sliceStart - start >= maxSeconds * 1000) return { reason: 'time-limit' };
      const stop = machine.run(Math.min(slice, left));
      if (stop.reason === 'limit') slice = nextSlice(slice, performance.now() - sliceStart);
      options.flush();
      if (conversation?.over) return { reason: 'conversation' };
      if (messages.panicReported) return { reason: 'panic' };
      switch (stop.reason) {
        case 'exit':
          return stop;
        case 'power-off':
          return stop;
        case 'reset':
          return messages.panicked ? { reason: 'panic' } : { reason: 'reboot' };
        case 'shutdown':
          if (messages.panicked) return { reason: 'panic' };
          return messages.restarting ? { reason: 'reboot' } : { reason: 'triple-fault', vector: stop.vector };
        case 'idle':
          await idle.wait(stop.duration);
          break;
        case 'halt':
          if (messages.halted) return { reason: 'power-off' };
          if (!machine.state.flag(Flag.IF) || line.ended) return { reason: 'halt' };
          await line.inputWithin(LONGEST_WAIT / NANOSECONDS);
      }
    }
  } finally {
    line.close();
  }
}

/** Keeps the guest's clock in step with the host's while the guest idles. */
class RealTime {
  /** Nanoseconds the guest is ahead. */
  private ahead = 0;

  constructor(
    private readonly machine: Machine,
    private readonly line: SerialLine,
  ) {}

  /** The guest has nothing to do for so many nanoseconds: waits for them to pass, or for input. */
  async wait(duration: number): Promise<void> {
    const step = Math.min(duration, LONGEST_WAIT);
    this.ahead += step;
    if (this.ahead < LEAST_WAIT) {
      this.machine.passTime(step);
      return;
    }
    const start = performance.now();
    await this.line.inputWithin(this.ahead / NANOSECONDS);
    const elapsed = (performance.now() - start) * NANOSECONDS;
    // Woken early, less time has passed; woken late, the guest must catch up.
    const unused = Math.max(0, this.ahead - elapsed);
    const passed = Math.max(0, step - unused);
    this.machine.passTime(passed);
    this.ahead = this.ahead - (step - passed) - elapsed;
    if (this.ahead < -LONGEST_WAIT) this.ahead = 0;
  }
}
