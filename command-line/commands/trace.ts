/** `ringside trace`: the journey of each system call. */
import { systemCallJourneys, type JourneysEnd, type SystemCallJourney } from '../../debug-adapter';
import { ExitCode } from '../errors';
import { writeFile } from '../files';
import { journeyLines, painter } from '../journey-text';
import { parseOneOperand, type CommandDescription } from '../options';
import { IMAGE_OPERAND, TARGET_NOTES, TARGET_OPTIONS, targetOf } from '../target-options';
import type { Terminal } from '../terminal';
import { parseCount } from '../values';
import type { Command } from './command';

const description = {
  name: 'trace',
  summary:
    'Runs a program and prints the journey of each system call: every instruction on the way into the kernel and out, with what it changed.',
  operand: IMAGE_OPERAND,
  options: {
    ...TARGET_OPTIONS,
    json: { value: 'FILE', help: 'also write the journeys as JSON' },
    'max-instructions': { value: 'N', help: 'stop after so many instructions' },
  },
  notes: [
    ...TARGET_NOTES,
    [
      'Exit code:',
      `  ${ExitCode.SUCCESS}  the guest ended by itself, whatever its status (it is printed)`,
      `  ${ExitCode.FAILURE}  the image could not be built or loaded`,
      `  ${ExitCode.USAGE}  the command line is wrong`,
      `  ${ExitCode.INSTRUCTION_LIMIT}  --max-instructions were executed`,
      `  ${ExitCode.TRIPLE_FAULT}  triple fault`,
      `  ${ExitCode.HALTED}  HLT that nothing can end`,
    ].join('\n'),
  ],
} as const satisfies CommandDescription;

export const traceCommand: Command = {
  description,
  run(args, terminal) {
    const { operand: program, given } = parseOneOperand(description, args);
    const limit = given['max-instructions'];
    const output = new GuestOutput(terminal);
    const target = targetOf(program, given, terminal, { serial: output.write, bare: false });
    const options = limit === undefined ? {} : { maxInstructions: parseCount('--max-instructions', limit) };
    const journeys: SystemCallJourney[] = [];
    let count = 0;
    const calls = systemCallJourneys(target, options);
    const paint = painter(terminal.hasColor);
    let next = calls.next();
    for (; next.done !== true; next = calls.next()) {
      count++;
      if (given.json !== undefined) journeys.push(next.value);
      terminal.out(`${journeyLines(next.value, paint).join('\n')}\n`);
      output.print();
      terminal.out('\n');
    }
    output.print();
    if (given.json !== undefined) {
      writeFile(given.json, `${JSON.stringify({ journeys, end: next.value }, undefined, 2)}\n`);
    }
    return Promise.resolve(ended(next.value, count, terminal));
  },
};

/** What the guest wrote to its serial port, kept back so that it does not fall between the lines of a journey. */
class GuestOutput {
  private bytes: number[] = [];

  constructor(private readonly terminal: Terminal) {}

  readonly write = (byte: number): void => void this.bytes.push(byte);

  print(): void {
    const text = new TextDecoder().decode(Uint8Array.from(this.bytes)).replaceAll('\r', '').replace(/\n$/, '');
    this.bytes = [];
    if (text !== '') this.terminal.out(`${text.replaceAll(/^/gm, '  terminal | ')}\n`);
  }
}

function ended(end: JourneysEnd, calls: number, terminal: Terminal): number {
  const made = calls === 0 ? 'no system call' : calls === 1 ? 'one system call' : `${calls} system calls`;
  const count = `${made} made`;
  switch (end.reason) {
    case 'exit':
      terminal.out(`The guest ended with status ${end.status ?? 0}; ${count}.\n`);
      return ExitCode.SUCCESS;
    case 'shutdown':
      terminal.error(`ringside: triple fault; ${count}.`);
      return ExitCode.TRIPLE_FAULT;
    case 'reset':
    case 'power-off':
      terminal.error(`ringside: the guest ${end.reason === 'reset' ? 'reset the machine' : 'switched off'}; ${count}.`);
      return ExitCode.HALTED;
    case 'halt':
      terminal.error(`ringside: the processor halted, and nothing is left that could wake it; ${count}.`);
      return ExitCode.HALTED;
    default:
      terminal.error(`ringside: stopped at the limit of instructions; ${count}.`);
      return ExitCode.INSTRUCTION_LIMIT;
  }
}
