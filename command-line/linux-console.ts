/** Runs a machine with Linux on it, its serial console joined to the terminal, until something ends it. */
import type { Readable } from 'node:stream';
import { type KernelMessages, RealTime } from '../debug-adapter';
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

/** Milliseconds after which the host looks whether the time is up. */
const LONGEST_WAIT = 50;

/** See `LinuxEnd`. */
export async function runLinux(machine: Machine, options: LinuxConsoleOptions): Promise<LinuxEnd> {
  const { maxInstructions, maxSeconds, conversation, messages, fastTime } = options;
  const line = new SerialLine(machine, options.input, options.quitKey);
  machine.stopOn.idle = !fastTime;
  const idle = new RealTime(machine, (milliseconds) => line.inputWithin(milliseconds));
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
          if (messages.halted || messages.poweredDown) return { reason: 'power-off' };
          if (!machine.state.flag(Flag.IF) || line.ended) return { reason: 'halt' };
          await line.inputWithin(LONGEST_WAIT);
      }
    }
  } finally {
    line.close();
  }
}
