/** `ringside boot`: a real Linux kernel, its console in the terminal. */
import { bootLinux, initialFileSystem, LINUX_ENTRIES, type BootedLinux } from '../../debug-adapter';
import { CPU_MODELS, ENGINE_STAGES, PLATFORMS } from '../../emulator';
import { initrdProblem } from '../../toolchain';
import { Conversation, unescaped } from '../conversation';
import { ExitCode, UsageError } from '../errors';
import { writeFile } from '../files';
import { KernelMessages, runLinux } from '../linux-console';
import { describeEnd } from '../linux-end';
import { parseOptions, type CommandDescription, type Given } from '../options';
import { SerialOutput } from '../serial-output';
import { checkModel, memorySizeOf } from '../target-options';
import { parseChoice, parseCount } from '../values';
import type { Command } from './command';

const QUIT_KEY = 0x1d;

const description = {
  name: 'boot',
  summary: 'Boots a Linux kernel; its serial console is the terminal.',
  options: {
    kernel: { value: 'FILE', help: 'bzImage (vmlinuz) or vmlinux of an x86-64 kernel' },
    initrd: { value: 'FILE|DIR', help: 'initial RAM disk; a folder becomes one' },
    busybox: { value: 'FILE', help: 'static busybox: an initial RAM disk with its commands and a shell' },
    init: { value: 'ELF|FILE.S', help: 'static executable or assembly source that runs as /init, the first process' },
    append: {
      value: 'TEXT',
      help: 'kernel command line; console=ttyS0 comes before it unless it names a console (default: console=ttyS0 nokaslr)',
    },
    memory: { value: 'SIZE', help: 'guest RAM (default 256M)' },
    cpu: {
      value: 'MODEL',
      help: `CPU model: ${Object.keys(CPU_MODELS).join(', ')}; features may follow, as in intel,+fred,-smap`,
    },
    platform: {
      value: 'legacy|acpi',
      help: 'legacy (default): 8259, 8254, serial port, clock; acpi: also local and IO-APIC, HPET, PCI host bridge, ACPI',
    },
    engine: { value: 'STAGES', help: 'tiered (default), compiled or interpreter' },
    entry: {
      value: 'direct|64|32',
      help: 'direct (default): a bzImage is unpacked here and entered at vmlinux; 64 or 32: it unpacks itself, from its entry of that mode',
    },
    until: { value: 'TEXT', help: 'end when the guest has written this text (once more than there are --send)' },
    send: {
      value: 'TEXT',
      multiple: true,
      help: 'type this (\\n, \\t, \\e, \\xHH understood) when the text of --until has appeared once more',
    },
    'max-seconds': { value: 'S', help: 'stop after so many seconds' },
    'max-instructions': { value: 'N', help: 'stop after so many instructions' },
    'fast-time': { help: 'skip the time in which the guest idles; without it the guest keeps step with real time' },
    stats: {
      value: 'FILE.json',
      help: 'at the end, write seconds and instructions, those up to the first --until, and peak memory',
    },
  },
  notes: [
    'Without --until you type to the guest, and Ctrl-] ends the session. Compressions unpacked here are gzip, xz, lzma, lz4 and zstd; a kernel in another one unpacks itself.',
    [
      'Exit code:',
      `  ${ExitCode.SUCCESS}    every --send was typed and the last --until seen; or the guest was shut down or restarted, or you ended it`,
      `  ${ExitCode.USAGE}    the command line is wrong`,
      `  ${ExitCode.GUEST_FAILURE}    kernel panic or triple fault`,
      `  ${ExitCode.INSTRUCTION_LIMIT}    --max-instructions or --max-seconds are over`,
      `  ${ExitCode.HALTED}    HLT that nothing can end`,
      `  ${ExitCode.NOT_RUN}   the kernel could not be loaded (a message tells; nothing was run)`,
      '  odd  the guest ended the run: (value << 1) | 1 of what it wrote to the debug-exit port 0xf4',
    ].join('\n'),
  ],
} as const satisfies CommandDescription;

type GivenBoot = Given<typeof description.options>;

/** When the first prompt came. */
interface FirstPrompt {
  readonly seconds: number;
  readonly instructions: number;
}

export const bootCommand: Command = {
  description,
  failureCode: ExitCode.NOT_RUN,
  async run(args, terminal) {
    const given = parsed(args);
    const maxInstructions = countOr(given, 'max-instructions', Infinity);
    const maxSeconds = countOr(given, 'max-seconds', Infinity);
    const memoryBytes = memorySizeOf(given.memory);
    const engine = given.engine === undefined ? undefined : parseChoice('--engine', given.engine, ENGINE_STAGES);
    const entry = given.entry === undefined ? undefined : parseChoice('--entry', given.entry, LINUX_ENTRIES);
    const platform = given.platform === undefined ? undefined : parseChoice('--platform', given.platform, PLATFORMS);
    checkModel(given.cpu);

    const output = SerialOutput.open('stdio', terminal);
    const messages = new KernelMessages();
    let firstPrompt: FirstPrompt | undefined;
    const conversation =
      given.until === undefined
        ? undefined
        : new Conversation(given.until, given.send.map(unescaped), {
            firstPrompt: () => {
              firstPrompt = { seconds: performance.now() / 1000, instructions: machine.instructionCount };
            },
            type: (text) => machine.sendSerial(text),
          });
    const initrd = initialFileSystem(given);
    const problem = initrd && initrdProblem(initrd);
    if (problem !== undefined) terminal.error(`ringside: warning: the initial RAM disk will be of no use: ${problem}.`);
    const { machine, vmlinux }: BootedLinux = bootLinux({
      kernel: given.kernel,
      commandLine: commandLine(given.append),
      ...(initrd === undefined ? {} : { initrd }),
      ...(memoryBytes === undefined ? {} : { memoryBytes }),
      ...(given.cpu === undefined ? {} : { cpu: given.cpu }),
      ...(engine === undefined ? {} : { engine }),
      ...(platform === undefined ? {} : { platform }),
      ...(entry === undefined ? {} : { entry }),
      serial: (byte) => {
        // The guest goes on for a moment, how long depends on the host: what it prints then is not shown.
        if (conversation?.over) return;
        output.write(byte);
        messages.see(byte);
        conversation?.see(byte);
      },
    });
    const keyboard = conversation ? undefined : terminal.openKeyboard?.();
    if (keyboard) terminal.error('Ctrl-] ends the session.');
    try {
      const end = await runLinux(machine, {
        maxInstructions,
        maxSeconds,
        fastTime: given['fast-time'] === true,
        input: keyboard?.input ?? (conversation ? undefined : terminal.input),
        ...(keyboard ? { quitKey: QUIT_KEY } : {}),
        conversation,
        messages,
        flush: () => output.flush(),
      });
      const { lines, code } = describeEnd(end, { machine, vmlinux, messages });
      if (lines.length > 0) terminal.error(`ringside: ${lines.join('\n  ')}`);
      return code;
    } finally {
      output.end();
      keyboard?.close();
      if (given.stats !== undefined) writeFile(given.stats, stats(machine.instructionCount, firstPrompt));
    }
  },
};

function parsed(args: readonly string[]): GivenBoot & { readonly kernel: string } {
  const { operands, given } = parseOptions(description, args);
  const { kernel } = given;
  const usage = 'Write: ringside boot --kernel FILE [options]';
  if (operands[0] !== undefined)
    throw new UsageError(`boot takes options only, but "${operands[0]}" was given.`, usage);
  if (kernel === undefined || kernel === '') throw new UsageError('boot needs --kernel FILE.', usage);
  if (given.send.length > 0 && given.until === undefined) {
    throw new UsageError('--send needs --until.', 'Add --until TEXT, the prompt after which to type.');
  }
  if (given.until === '')
    throw new UsageError('--until: the text is empty.', 'Give the prompt to wait for, such as "/ # ".');
  return { ...given, kernel };
}

function countOr(given: GivenBoot, name: 'max-instructions' | 'max-seconds', otherwise: number): number {
  const text = given[name];
  return text === undefined ? otherwise : parseCount(`--${name}`, text);
}

/** The kernel writes to the serial port only if it is told. */
function commandLine(append: string | undefined): string {
  if (append === undefined) return 'console=ttyS0 nokaslr';
  return /(?:^|\s)console=/.test(append) ? append : `console=ttyS0 ${append}`;
}

function stats(instructions: number, first: FirstPrompt | undefined): string {
  const figures = {
    wallSeconds: performance.now() / 1000,
    instructions,
    ...(first ? { secondsToUntil: first.seconds, instructionsToUntil: first.instructions } : {}),
    peakRssBytes: process.resourceUsage().maxRSS * 1024,
  };
  return `${JSON.stringify(figures, undefined, 2)}\n`;
}
