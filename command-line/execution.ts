/** Runs a machine headless until something ends it, its serial port joined to the terminal. */
import type { Readable } from 'node:stream';
import { Flag, type Machine } from '../emulator';

/** Time between two looks at what was typed. */
const SLICE_MS = 20;
/** Instructions at first; later as many as take that time. */
export const FIRST_SLICE = 100_000;
const LARGEST_SLICE = 20_000_000;

export type End =
  | { readonly reason: 'exit'; readonly code: number }
  | { readonly reason: 'shutdown'; readonly vector: number }
  /** The guest reset the machine or switched it off. */
  | { readonly reason: 'reset' | 'power-off' }
  /** HLT that no interrupt can end. */
  | { readonly reason: 'halt' }
  | { readonly reason: 'limit' };

/** Runs at most `maxInstructions`; bytes from `input` go to the serial port. */
export async function runToEnd(
  machine: Machine,
  options: { readonly maxInstructions: number; readonly untilHlt: boolean; readonly input: Readable | undefined },
): Promise<End> {
  const line = new SerialLine(machine, options.input);
  let slice = FIRST_SLICE;
  try {
    for (;;) {
      await new Promise((resume) => setImmediate(resume));
      const left = options.maxInstructions - machine.instructionCount;
      if (left <= 0) return { reason: 'limit' };
      const start = performance.now();
      const stop = machine.run(Math.min(slice, left));
      slice = nextSlice(slice, performance.now() - start);
      switch (stop.reason) {
        case 'exit':
        case 'shutdown':
        case 'reset':
        case 'power-off':
          return stop;
        case 'halt':
          // Only input could wake it, if interrupts are on and somebody may still type.
          if (options.untilHlt || !machine.state.flag(Flag.IF) || !(await line.moreInput())) return { reason: 'halt' };
      }
    }
  } finally {
    line.close();
  }
}

/** How many instructions the next slice has, after one that took so long. */
export function nextSlice(slice: number, milliseconds: number): number {
  if (milliseconds > SLICE_MS) return Math.max(1, Math.ceil(slice / 2));
  return Math.min(LARGEST_SLICE, slice * 2);
}

/** Standard input on its way to the guest. */
export class SerialLine {
  /** There will be no more input. */
  ended: boolean;
  private received = false;
  private wake = (): void => undefined;
  /** The user pressed the key that ends the session. */
  quit = false;

  constructor(
    private readonly machine: Machine,
    private readonly input: Readable | undefined,
    /** Byte that ends the session instead of going to the guest. */
    private readonly quitKey?: number,
  ) {
    this.ended = input === undefined || input.readableEnded || input.destroyed;
    input?.on('data', this.data).on('end', this.end).on('close', this.end).on('error', this.end);
  }

  private readonly data = (chunk: Uint8Array | string): void => {
    const bytes = typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk;
    if (this.quitKey !== undefined && bytes.includes(this.quitKey)) this.quit = true;
    else this.machine.sendSerial(bytes);
    this.received = true;
    this.wake();
  };

  private readonly end = (): void => {
    this.ended = true;
    this.wake();
  };

  /** Waits for input that has not been seen yet; false if there will be none. */
  async moreInput(): Promise<boolean> {
    if (!this.received && !this.ended) await new Promise<void>((wake) => (this.wake = wake));
    const { received } = this;
    this.received = false;
    return received;
  }

  /** Waits for input, at most so many milliseconds. */
  async inputWithin(milliseconds: number): Promise<void> {
    this.received = false;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((wake) => {
      this.wake = wake;
      timer = setTimeout(wake, milliseconds);
    });
    clearTimeout(timer);
  }

  /** Lets go of the input, so that the process can end while its other side is still open. */
  close(): void {
    this.input?.off('data', this.data).off('end', this.end).off('close', this.end).off('error', this.end);
    this.input?.destroy();
  }
}
