/** What we assemble is byte for byte what GNU as 2.40 makes: sections, relocations and symbols. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assertSameAsGnu } from './compare';
import { gccToAssembler, hasProgram } from './gnu-as';

const CORPUS = join(import.meta.dirname, 'corpus');

const C_PROGRAM = readFileSync(join(CORPUS, 'program.c.txt'), 'utf8');

const GCC_OPTIONS: readonly (readonly string[])[] = [
  ['-O0', '-fno-asynchronous-unwind-tables'],
  ['-O2', '-fno-asynchronous-unwind-tables'],
  ['-O3', '-mavx2'],
  ['-Os', '-fPIC'],
  ['-O2', '-mcmodel=kernel', '-mno-red-zone', '-fno-pic'],
  ['-O1', '-g'],
];

describe('Assembling as GNU as does', () => {
  before(function () {
    if (!hasProgram('as') || !hasProgram('gcc')) this.skip();
  });

  for (const name of readdirSync(CORPUS).filter((file) => /\.[sS]$/.test(file))) {
    it(`${name} of the corpus`, () => {
      const header = { 'corpus.h': readFileSync(join(CORPUS, 'corpus.h'), 'utf8') };
      assertSameAsGnu(readFileSync(join(CORPUS, name), 'utf8'), `input${name.slice(-2)}`, {}, header);
    });
  }

  for (const options of GCC_OPTIONS) {
    it(`what gcc ${options.join(' ')} writes`, () => {
      assertSameAsGnu(gccToAssembler(C_PROGRAM, options));
    });
  }

  const samples = join(import.meta.dirname, '../../../samples');
  for (const folder of readdirSync(samples, { withFileTypes: true }).filter((entry) => entry.isDirectory())) {
    it(`the sources of the sample ${folder.name}`, () => {
      const files: Record<string, string> = {};
      for (const directory of ['kernel', folder.name]) {
        for (const name of readdirSync(join(samples, directory)).filter((file) => /\.[hS]$/.test(file))) {
          files[name] = readFileSync(join(samples, directory, name), 'utf8');
        }
      }
      for (const name of readdirSync(join(samples, folder.name)).filter((file) => file.endsWith('.S'))) {
        assertSameAsGnu(files[name], name, {}, files);
      }
    });
  }
});
