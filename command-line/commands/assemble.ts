/** `ringside assemble`: a source file to an ELF object. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { mergeExpansions } from '../../debug-adapter';
import { assemble, debugSections, listing, writeObject } from '../../toolchain';
import { CommandError, ExitCode, UsageError } from '../errors';
import { diagnosticLines } from '../diagnostics';
import { readBytes, readIfPresent, writeFile } from '../files';
import { parseOneOperand, type CommandDescription } from '../options';
import { definitions } from '../values';
import type { Command } from './command';

const description = {
  name: 'assemble',
  summary: 'Assembles one source file (GNU as syntax, AT&T) into an ELF object that any linker takes.',
  operand: { placeholder: 'FILE.S', help: 'the source; one named *.s does not go through the C preprocessor' },
  options: {
    output: { short: 'o', value: 'FILE.o', help: 'the object to write (needed)' },
    I: { short: 'I', value: 'DIR', multiple: true, help: 'look for #include files there too' },
    D: { short: 'D', value: 'NAME=VALUE', multiple: true, help: 'define a C macro; without =VALUE it is 1' },
    listing: { value: 'FILE.lst', help: 'also write every line with its offset and bytes, macro expansions included' },
  },
  notes: ['Exit code: 0 if the object was written, 1 if the source has errors, 2 if the command line has.'],
} as const satisfies CommandDescription;

export const assembleCommand: Command = {
  description,
  async run(args, terminal) {
    const { operand: path, given } = parseOneOperand(description, args);
    if (given.output === undefined) {
      throw new UsageError(
        'assemble needs the name of the object to write.',
        `Write: ringside assemble ${path} -o FILE.o`,
      );
    }
    const defines = definitions(given.D);
    const source = { path, text: new TextDecoder().decode(readBytes(path)) };
    const result = assemble(source, {
      includePaths: given.I,
      defines,
      readFile: readIfPresent,
      readBinary,
    });
    const { module, diagnostics } = result;
    for (const diagnostic of mergeExpansions(diagnostics))
      diagnosticLines(diagnostic).forEach((line) => terminal.error(line));
    // The diagnostics say it all.
    if (!module) throw new CommandError('');
    writeFile(given.output, writeObject(module, debugSections(module, { compilationDirectory: resolve('.') })));
    if (given.listing !== undefined) writeFile(given.listing, listing(result));
    return Promise.resolve(ExitCode.SUCCESS);
  },
};

/** For .incbin. */
function readBinary(path: string): Uint8Array | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}
