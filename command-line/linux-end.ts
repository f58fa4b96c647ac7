/** Tells how a Linux guest ended, where its console does not, and the exit code of that. */
import { explainShutdown, kernelCallStack, kernelTarget, type KernelMessages } from '../debug-adapter';
import type { Machine } from '../emulator';
import type { ElfFile } from '../toolchain';
import { ExitCode } from './errors';
import type { LinuxEnd } from './linux-console';

export interface EndedLinux {
  readonly machine: Machine;
  /** Undefined if only the kernel could unpack it. */
  readonly vmlinux: ElfFile | undefined;
  readonly messages: KernelMessages;
}

/** Lines to print, none if there is nothing to tell, and the exit code. */
export function describeEnd(end: LinuxEnd, linux: EndedLinux): { readonly lines: string[]; readonly code: number } {
  switch (end.reason) {
    case 'conversation':
    case 'quit':
    case 'power-off':
    case 'reboot':
      return { lines: [], code: ExitCode.SUCCESS };
    case 'panic':
      return { lines: panicLines(linux), code: ExitCode.GUEST_FAILURE };
    case 'triple-fault':
      return { lines: shutdownLines(linux, end.vector), code: ExitCode.GUEST_FAILURE };
    case 'instruction-limit':
      return { lines: ['stopped after --max-instructions.', ...whereabouts(linux)], code: ExitCode.INSTRUCTION_LIMIT };
    case 'time-limit':
      return { lines: ['stopped after --max-seconds.', ...whereabouts(linux)], code: ExitCode.INSTRUCTION_LIMIT };
    case 'halt':
      return {
        lines: ['the processor halted, and nothing is left that could wake it.', ...whereabouts(linux)],
        code: ExitCode.HALTED,
      };
    case 'exit':
      return { lines: [], code: end.code & 0xff };
  }
}

function panicLines(linux: EndedLinux): string[] {
  const { panic = '', fault } = linux.messages;
  const remedy = REMEDIES.find(([pattern]) => pattern.test(panic))?.[1](panic);
  return [
    `kernel panic: ${panic}`,
    ...(fault === undefined ? [] : [`An exception came at ${fault}.`]),
    ...whereabouts(linux),
    ...(remedy === undefined ? [] : [remedy]),
  ];
}

/** Functions that only report a panic, or pass the time after it. */
const AFTERMATH = /^(?:dump_stack|show_|delay_|__delay|__const_udelay|__udelay|native_)/;

/** `In panic+0x107, called from …`: as the kernel has reported it, else as its symbols and its stack tell. */
function whereabouts({ machine, vmlinux, messages }: EndedLinux): string[] {
  const reported = messages.panic === undefined ? [] : messages.callTrace;
  const frames = reported.length > 0 || machine.state.cpl === 3 ? reported : kernelCallStack(machine, vmlinux);
  const start = messages.panic === undefined ? 0 : frames.findIndex((frame) => !AFTERMATH.test(frame));
  const [current, ...callers] = frames.slice(Math.max(0, start));
  if (current === undefined) return [];
  return [`In ${current}${callers.length > 0 ? `, called from ${callers.join(', ')}` : ''}.`];
}

function shutdownLines({ machine, vmlinux }: EndedLinux, vector: number): string[] {
  const target = kernelTarget(machine, vmlinux);
  if (!target) return [`triple fault, the first of its exceptions was vector ${vector}.`];
  return ['triple fault.', explainShutdown(target, vector)];
}

const NO_INITIAL_FILES = '--busybox FILE gives it a shell, --init FILE a program, --initrd FILE or DIR a file system.';

/** What helps against the reasons to give up that are the user's. */
const REMEDIES: readonly (readonly [RegExp, (panic: string) => string])[] = [
  [
    /Unable to mount root fs|VFS: /,
    () => `The kernel found no initial file system, and this machine has no disk for root=. ${NO_INITIAL_FILES}`,
  ],
  [
    /No working init found|Requested init/,
    () => `No program in the initial file system could be started as the first process, /init. ${NO_INITIAL_FILES}`,
  ],
  [/[Oo]ut of memory|deadlocked on memory/, () => 'Give the machine more memory with --memory.'],
  [/Attempted to kill init/, firstProcessEnd],
];

/** Lowest 7 bits of a wait status: the signal that ended the process; the next byte is what it gave exit (wait(2)). */
const SIGNAL_MASK = 0x7f;

function firstProcessEnd(panic: string): string {
  const status = Number.parseInt(/exitcode=0x([0-9a-f]+)/.exec(panic)?.[1] ?? '0', 16);
  const signal = status & SIGNAL_MASK;
  const how = signal === 0 ? `ended with exit status ${status >> 8}` : `was ended by signal ${signal}`;
  return `The first process ${how}, and Linux cannot go on without it. One that ends should call reboot(2) first.`;
}
