/** `ringside boot`: a real Linux kernel, its console in the terminal. */
import { ConsoleLine, KernelMessages } from '../../debug-adapter';
import { Conversation, unescaped } from '../conversation';
import { ExitCode, UsageError } from '../errors';
import { writeFile } from '../files';
import { runLinux } from '../linux-console';
import { describeEnd } from '../linux-end';
import { checkGuestOptions, GUEST_OPTIONS, startGuest } from '../linux-guest';
import { parseOptions, type CommandDescription, type Given } from '../options';
import { SerialOutput } from '../serial-output';
import { canGoOn, checkSnapshotPath, saveSnapshot } from '../snapshots';
import { parseCount } from '../values';
import type { Command } from './command';

const QUIT_KEY = 0x1d;

const description = {
  name: 'boot',
  summary: 'Boots a Linux kernel; its serial console is the terminal.',
  options: {
    ...GUEST_OPTIONS,
    until: {
      value: 'TEXT',
      help: 'end when the guest has written this text (once more than there are --send); \\n, \\t, \\e, \\\\, \\xHH understood',
    },
    send: {
      value: 'TEXT',
      multiple: true,
      help: 'type this (\\n, \\t, \\e, \\\\, \\xHH understood: \\x03 is Ctrl-C) when the text of --until has appeared once more',
    },
    'max-seconds': { value: 'S', help: 'stop after so many seconds' },
    'max-instructions': { value: 'N', help: 'stop after so many instructions' },
    'fast-time': { help: 'skip the time in which the guest idles; without it the guest keeps step with real time' },
    'save-snapshot': {
      value: 'FILE',
      help: 'at the end, after the last --until, Ctrl-] or a limit, save the whole machine for --snapshot',
    },
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
      `  ${ExitCode.NOT_RUN}   the kernel or snapshot could not be loaded, or the snapshot not be saved (a message tells)`,
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
    const output = SerialOutput.open('stdio', terminal);
    const messages = new KernelMessages();
    let firstPrompt: FirstPrompt | undefined;
    const conversation =
      given.until === undefined
        ? undefined
        : new Conversation(unescaped(given.until), given.send.map(unescaped), {
            firstPrompt: () => {
              firstPrompt = { seconds: performance.now() / 1000, instructions: machine.instructionCount };
            },
            type: (text) => machine.sendSerial(text),
          });
    const line = new ConsoleLine();
    const show = (byte: number): void => {
      line.see(byte);
      // The guest goes on for a moment, how long depends on the host: what it prints then is not shown.
      if (conversation?.over) return;
      output.write(byte);
      messages.see(byte);
      conversation?.see(byte);
    };
    const { machine, vmlinux, console, key } = await startGuest(given, { serial: show, terminal });
    const before = machine.instructionCount;
    // The prompt that the guest had written before it was saved.
    console.forEach(show);
    const keyboard = conversation ? undefined : terminal.openKeyboard?.();
    if (keyboard) terminal.error('Ctrl-] ends the session.');
    try {
      const end = await runLinux(machine, {
        maxInstructions: before + maxInstructions,
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
      const path = given['save-snapshot'];
      if (path === undefined) return code;
      if (canGoOn(end)) await saveSnapshot(path, machine, { key: key(), console: line.bytes });
      else terminal.error('ringside: no snapshot was saved: the guest has ended.');
      return code;
    } finally {
      output.end();
      keyboard?.close();
      if (given.stats !== undefined) writeFile(given.stats, stats(machine.instructionCount, firstPrompt));
    }
  },
};

function parsed(args: readonly string[]): GivenBoot {
  const { operands, given } = parseOptions(description, args);
  const usage = 'Write: ringside boot --kernel FILE [options], or ringside boot --snapshot FILE [options]';
  if (operands[0] !== undefined)
    throw new UsageError(`boot takes options only, but "${operands[0]}" was given.`, usage);
  checkGuestOptions(given, usage);
  if (given['save-snapshot'] !== undefined) checkSnapshotPath(given['save-snapshot']);
  if (given.send.length > 0 && given.until === undefined) {
    throw new UsageError('--send needs --until.', 'Add --until TEXT, the prompt after which to type.');
  }
  if (given.until === '')
    throw new UsageError('--until: the text is empty.', 'Give the prompt to wait for, such as "/ # ".');
  return given;
}

function countOr(given: GivenBoot, name: 'max-instructions' | 'max-seconds', otherwise: number): number {
  const text = given[name];
  return text === undefined ? otherwise : parseCount(`--${name}`, text);
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
