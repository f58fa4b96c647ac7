/** How a Linux guest ends, told apart from stops at which there is something left to debug. */
import { describeExit } from '../exit-status';
import type { ExceptionText } from '../exceptions';
import { stackRows } from '../stack';
import type { SpontaneousStop } from '../stepping/demands';
import type { Target } from '../target';
import type { LinuxGuest } from './guest';
import { initExitCode } from './kernel-messages';

export interface SessionEnd {
  /** For the user to read. */
  readonly text: string;
  /** The program's exit status, if it was one that ended. */
  readonly status?: number;
}

/** Lowest 7 bits of a wait status: the signal that ended a process (wait(2)). */
const SIGNAL_MASK = 0x7f;

/** The end of the session this stop means; undefined if the user should see the guest as it is. */
export function linuxEnd(stop: SpontaneousStop, { messages, hasProgram }: LinuxGuest): SessionEnd | undefined {
  switch (stop.reason) {
    case 'kernel-panic': {
      const code = initExitCode(stop.message);
      if (!hasProgram || code === undefined || (code & SIGNAL_MASK) !== 0) return undefined;
      const status = code >> 8;
      return { status, text: `${describeExit(status)} Linux panics when its first process ends.` };
    }
    case 'power-off':
      return { text: 'Linux has switched the machine off.' };
    case 'halt':
      if (messages.poweredDown) return { text: 'Linux has switched the machine off.' };
      return messages.halted ? { text: 'Linux has halted the machine.' } : undefined;
    case 'reset':
      if (messages.panic !== undefined)
        return { text: `Kernel panic - not syncing: ${messages.panic}. The kernel has reset the machine.` };
      return { text: 'Linux has reset the machine. Start debugging to boot it again.' };
    case 'shutdown':
      return messages.restarting
        ? { text: 'Linux has restarted the machine. Start debugging to boot it again.' }
        : undefined;
    default:
      return undefined;
  }
}

/** The stop after the report of a panic, in words. */
export function describePanic(target: Target, message: string): ExceptionText {
  const description = `Kernel panic - not syncing: ${message}`;
  const code = initExitCode(message);
  const signal = code === undefined ? 0 : code & SIGNAL_MASK;
  const fault = target.linux?.messages.fault;
  const callers = stackRows(target, 0).filter(({ hint }) => hint === 'normal');
  const lines = [
    description,
    ...(fault === undefined ? [] : [`An exception came at ${fault}.`]),
    ...(signal > 0 ? [`Signal ${signal} ended the first process.`] : []),
    `Called from: ${callers.map(({ name }) => name).join(' ← ')}`,
    'The report of the kernel is in the terminal. It does nothing from now on but wait.',
  ];
  return { exceptionId: 'kernel panic', description, details: lines.join('\n') };
}
