import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { completion } from '../../language-server/features/completion';
import { definition } from '../../language-server/features/definition';
import { diagnostics } from '../../language-server/features/diagnostics';
import { documentSymbols } from '../../language-server/features/document-symbols';
import { hover } from '../../language-server/features/hover';
import { Editor, samples } from './support';

const SOURCES = ['hello-syscall/hello.S', 'kernel/calling.h', 'kernel/traps.S', 'sysret-or-iret/sysret-or-iret.S'].map(
  (name) => readFileSync(join(samples, name), 'utf8'),
);
/** Text that upsets parsers. */
const DEBRIS = [
  '"',
  "'",
  '/*',
  '*/',
  '\\',
  '#',
  '#define X',
  '.macro M',
  '.endm',
  '.if',
  '.rept 3',
  '(',
  '%',
  '$',
  '\0',
  '🙂',
];

const mutated = fc
  .record({
    source: fc.constantFrom(...SOURCES),
    cuts: fc.array(fc.tuple(fc.nat(), fc.nat({ max: 40 }), fc.constantFrom('', ...DEBRIS)), { maxLength: 4 }),
    end: fc.nat(),
  })
  .map(({ source, cuts, end }) => {
    let text = source.slice(0, end % (source.length + 1));
    for (const [at, length, debris] of cuts) {
      const start = at % (text.length + 1);
      text = text.slice(0, start) + debris + text.slice(start + length);
    }
    return text;
  });

describe('Language features on broken sources', () => {
  it('answer something for any text at any position', function () {
    this.timeout(60_000);
    fc.assert(
      fc.property(mutated, fc.nat(), fc.nat({ max: 60 }), (text, lineSeed, character) => {
        const editor = new Editor();
        const path = join(samples, 'kernel', 'broken.S');
        editor.open(path, text);
        const { workspace } = editor;
        const position = { line: lineSeed % (text.split('\n').length + 1), character };
        const analysis = workspace.unit(path);
        diagnostics(analysis, workspace.files);
        documentSymbols(analysis, path, workspace.files);
        hover(workspace, path, position);
        // Other sources of the folder are not looked at for each of them.
        workspace.siblings = () => [];
        definition(workspace, path, position);
        completion(workspace, path, position);
      }),
      { numRuns: 60 },
    );
  });
});
