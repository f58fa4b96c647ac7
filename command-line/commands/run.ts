/** `ringside run`: an image, headless. */
import { explainShutdown, type Target } from '../../debug-adapter';
import { ExitCode } from '../errors';
import { runToEnd, type End } from '../execution';
import { writeFile } from '../files';
import { parseOneOperand, type CommandDescription } from '../options';
import { registerDump } from '../registers';
import { SerialOutput } from '../serial-output';
import { IMAGE_OPERAND, TARGET_NOTES, TARGET_OPTIONS, targetOf } from '../target-options';
import type { Terminal } from '../terminal';
import { parseCount } from '../values';
import type { Command } from './command';

const description = {
  name: 'run',
  summary: 'Runs a program or image without an editor; its serial port is the terminal.',
  operand: IMAGE_OPERAND,
  options: {
    ...TARGET_OPTIONS,
    'max-instructions': { value: 'N', help: 'stop after so many instructions' },
    'until-hlt': { help: 'a HLT that no interrupt ends is the regular end (exit code 0); for the bare machine' },
    registers: {
      value: 'FILE.json',
      help: 'at the end, write every register (hexadecimal) and the number of instructions',
    },
    serial: {
      value: 'stdio|FILE',
      help: 'where the serial port writes (default stdio; it reads standard input unless that is a terminal)',
    },
  },
  notes: [
    ...TARGET_NOTES,
    [
      'Exit code:',
      '  odd  the guest ended the run: (value << 1) | 1 of what it wrote to the debug-exit port 0xf4 (low 8 bits)',
      `  ${ExitCode.SUCCESS}    HLT with --until-hlt`,
      `  ${ExitCode.USAGE}    the command line is wrong`,
      `  ${ExitCode.INSTRUCTION_LIMIT}    --max-instructions were executed`,
      `  ${ExitCode.TRIPLE_FAULT}    triple fault`,
      `  ${ExitCode.HALTED}    HLT that nothing can end, without --until-hlt`,
      `  ${ExitCode.NOT_RUN}   the image could not be built or loaded (a message tells; nothing was run)`,
    ].join('\n'),
  ],
} as const satisfies CommandDescription;

export const runCommand: Command = {
  description,
  failureCode: ExitCode.NOT_RUN,
  async run(args, terminal) {
    const { operand: program, given } = parseOneOperand(description, args);
    const limit = given['max-instructions'];
    const maxInstructions = limit === undefined ? Infinity : parseCount('--max-instructions', limit);
    const untilHlt = given['until-hlt'] === true;
    const { serial: where = 'stdio' } = given;
    const serial = SerialOutput.open(where, terminal);
    const target = targetOf(program, given, terminal, { serial: serial.write, bare: untilHlt });
    const input = where === 'stdio' ? terminal.input : undefined;
    try {
      const end = await runToEnd(target.machine, { maxInstructions, untilHlt, input });
      serial.flush();
      return exitCode(end, target, untilHlt, terminal);
    } finally {
      serial.end();
      if (given.registers !== undefined) {
        writeFile(given.registers, `${JSON.stringify(registerDump(target.machine), undefined, 2)}\n`);
      }
    }
  },
};

/** Tells how the guest ended, unless it did so itself. */
function exitCode(end: End, target: Target, untilHlt: boolean, terminal: Terminal): number {
  const { rip } = target.state;
  const where = `0x${rip.toString(16)}${described(target.symbolic(rip))}`;
  switch (end.reason) {
    case 'exit':
      return end.code & 0xff;
    case 'limit':
      terminal.error(`ringside: stopped at ${where} after ${target.machine.instructionCount} instructions.`);
      return ExitCode.INSTRUCTION_LIMIT;
    case 'shutdown':
      terminal.error(`ringside: triple fault.\n${explainShutdown(target, end.vector)}`);
      return ExitCode.TRIPLE_FAULT;
    case 'reset':
    case 'power-off':
      terminal.error(
        `ringside: the guest ${end.reason === 'reset' ? 'reset the machine' : 'switched off'} at ${where}.`,
      );
      return ExitCode.HALTED;
    case 'halt':
      if (untilHlt) return ExitCode.SUCCESS;
      terminal.error(`ringside: the processor halted before ${where}, and nothing is left that could wake it.`);
      return ExitCode.HALTED;
  }
}

function described(symbol: string | undefined): string {
  return symbol === undefined ? '' : ` <${symbol}>`;
}
