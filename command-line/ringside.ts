/** The program `ringside`: finds the command, runs it, and turns what goes wrong into a message and an exit code. */
import { version } from '../package.json';
import type { Command } from './commands/command';
import { CommandError, ExitCode, UsageError } from './errors';
import { commandHelp, table } from './options';
import type { Terminal } from './terminal';

/** Loaded when called for, so that each starts quickly; the list in order of `ringside --help`. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  run: async () => (await import('./commands/run')).runCommand,
  trace: async () => (await import('./commands/trace')).traceCommand,
  boot: async () => (await import('./commands/boot')).bootCommand,
  assemble: async () => (await import('./commands/assemble')).assembleCommand,
  dap: async () => (await import('./commands/dap')).dapCommand,
  'language-server': async () => (await import('./commands/language-server')).languageServerCommand,
};

/** Runs `ringside` with the given arguments; returns the exit code, having printed everything. */
export async function ringside(args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    return await dispatch(args, terminal);
  } catch (error) {
    const found = Object.hasOwn(COMMANDS, args[0] ?? '') ? await command(args[0]) : undefined;
    return failed(error, terminal, found?.failureCode ?? ExitCode.FAILURE);
  }
}

async function dispatch([name, ...args]: readonly string[], terminal: Terminal): Promise<number> {
  if (name === '--version') {
    terminal.out(`ringside ${version}\n`);
    return ExitCode.SUCCESS;
  }
  if (name === '--help' || name === '-h' || name === 'help') {
    terminal.out(args[0] === undefined ? await overview() : commandHelp((await command(args[0])).description));
    return ExitCode.SUCCESS;
  }
  if (name === undefined) throw new UsageError('Which command?', `There are: ${Object.keys(COMMANDS).join(', ')}.`);
  const found = await command(name);
  if (args.includes('--help') || args.includes('-h')) {
    terminal.out(commandHelp(found.description));
    return ExitCode.SUCCESS;
  }
  return found.run(args, terminal);
}

async function command(name: string): Promise<Command> {
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (load) return load();
  const what = name.startsWith('-') ? 'option' : 'command';
  throw new UsageError(`There is no ${what} "${name}".`, `Commands are: ${Object.keys(COMMANDS).join(', ')}.`);
}

async function overview(): Promise<string> {
  const commands = await Promise.all(Object.values(COMMANDS).map((load) => load()));
  return [
    'Usage: ringside COMMAND [options]',
    '',
    'Walks the Linux system-call path on an emulated x86-64 PC.',
    '',
    ...table(commands.map(({ description }) => [description.name, description.summary])),
    '',
    '"ringside COMMAND --help" explains a command; "ringside --version" tells the version.',
    '',
  ].join('\n');
}

/** Errors of the rooms below say what is wrong and what helps; a mistake in this program itself is named as such. */
function failed(error: unknown, terminal: Terminal, failureCode: number): number {
  if (error instanceof UsageError) {
    terminal.error(`ringside: ${error.message}${error.hint === undefined ? '' : `\n${error.hint}`}`);
    return ExitCode.USAGE;
  }
  const message = error instanceof Error ? error.message : String(error);
  const isMistake = error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
  if (!(error instanceof CommandError) || message !== '') {
    terminal.error(`ringside: ${isMistake ? 'internal error: ' : ''}${message}`);
  }
  return failureCode;
}
