/** Runs a machine with Linux on it, its serial console joined to the terminal, until something ends it. */
import type { Readable } from 'node:stream';
import { Flag, type Machine } from '../emulator';
import type { Conversation } from './conversation';
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

/** What the kernel tells of its end on the console (kernel/panic.c, kernel/reboot.c, arch/x86/kernel/dumpstack.c). */
export class KernelMessages {
  /** Why it gave up; undefined as long as it did not. */
  panic: string | undefined;
  /** Where the last exception in the kernel came that it reported: `function+offset/size`. */
  fault: string | undefined;
  /** The call stack it reported last, innermost function first, each as `function+offset`. */
  callTrace: readonly string[] = [];
  /** The report of a panic is complete. */
  panicReported = false;
  halted = false;
  restarting = false;

  private bytes: number[] = [];

  /** A byte the guest wrote. */
  see(byte: number): void {
    if (byte !== LINE_FEED) {
      if (this.bytes.length < LONGEST_LINE) this.bytes.push(byte);
      return;
    }
    const line = new TextDecoder().decode(Uint8Array.from(this.bytes)).trimEnd();
    this.bytes = [];
    this.panic ??= /(?<!end )Kernel panic - not syncing: (.*)/.exec(line)?.[1];
    this.fault = /RIP: 0010:(\S+)/.exec(line)?.[1] ?? this.fault;
    this.seeCallTrace(line);
    if (line.includes('---[ end Kernel panic')) this.panicReported = true;
    if (/reboot: (?:Power down|System halted)/.test(line)) this.halted = true;
    if (line.includes('reboot: Restarting system')) this.restarting = true;
  }

  /** Functions follow the heading, one a line; a question mark is before what the kernel only found on its stack. */
  private seeCallTrace(line: string): void {
    if (/Call Trace:$/.test(line)) this.callTrace = [];
    const frame = /(?:^|\] ) (\S+\+0x[0-9a-f]+)\/0x[0-9a-f]+/.exec(line)?.[1];
    if (frame !== undefined) this.callTrace = [...this.callTrace, frame];
  }
}

const LINE_FEED = 0x0a;
/** The rest of a longer line is not looked at. */
const LONGEST_LINE = 1000;

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
          return messages.panic !== undefined ? { reason: 'panic' } : { reason: 'reboot' };
        case 'shutdown':
          if (messages.panic !== undefined) return { reason: 'panic' };
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
