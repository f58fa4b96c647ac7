/** The encoding of each instruction is the one GNU as chooses. */
import assert from 'node:assert/strict';
import { assemble } from '../../../toolchain/assembler';
import { generateInstructions } from './generated-instructions';
import { gnuListing, hasProgram } from './gnu-as';

/** Names of condition codes inside other mnemonics, which only as has. */
const NOT_COVERED = /^(?:cmp[a-z]+xadd|vpermil2p[sd])\b/;

/** Bytes of each line, by its number; lines with errors are missing. */
function ourBytes(lines: readonly string[], bits: 32 | 64): Map<number, string> {
  const bytes = new Map<number, string>();
  lines.forEach((line, index) => {
    const { module } = assemble({ path: 'input.s', text: `.code${bits}\n${line}\n` });
    if (module !== undefined) bytes.set(index, Buffer.from(module.sections[0]?.data ?? []).toString('hex'));
  });
  return bytes;
}

for (const bits of [64, 32] as const) {
  describe(`Encodings in ${bits}-bit code`, () => {
    before(function () {
      if (!hasProgram('as')) this.skip();
    });

    // Each encoding with one of its twelve sets of operands; as takes them all in one run.
    it('are those of GNU as, for every instruction', () => {
      const lines = generateInstructions(bits, (code, variant) => (code * 7 + bits) % 12 === variant).filter(
        (line) => !NOT_COVERED.test(line),
      );
      assert.ok(lines.length > 1000);
      const expected = gnuListing(lines, bits);
      const actual = ourBytes(lines, bits);
      const wrong = lines.flatMap((line, index) => {
        const bytes = expected.get(index);
        return bytes === undefined || bytes === actual.get(index)
          ? []
          : [`${line}: as ${bytes}, ours ${actual.get(index) ?? 'none'}`];
      });
      assert.deepEqual(wrong, []);
    });
  });
}
