/** Random programs: GNU as and we agree on layout, jump sizes, expressions, macro arguments; nothing makes us throw. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { assemble } from '../../../toolchain/assembler';
import { assertSameAsGnu } from './compare';
import { gnuListing, hasProgram } from './gnu-as';

const LABELS = 8;
const label = fc.nat(LABELS - 1).map((n) => `L${n}`);
const condition = fc.constantFrom('jmp', 'je', 'jg', 'jmp', 'jnc');

/** Statements whose sizes depend on each other. */
const layoutStatement = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(condition, label).map(([jump, target]) => `${jump} ${target}`) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 90 }).map((count) => `.skip ${count}, 0x90`) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 6 }).map((power) => `.p2align ${power}`) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.integer({ min: 3, max: 5 }), fc.integer({ min: 1, max: 20 }))
      .map(([power, most]) => `.p2align ${power},,${most}`),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      'nop',
      'ret',
      'mov $1, %eax',
      'call L0',
      'lea L1(%rip), %rax',
      'mov $L2, %rdi',
      'call outside',
      'jmp global',
      'je global',
      'push $L3',
    ),
  },
  { weight: 1, arbitrary: fc.tuple(label, label).map(([a, b]) => `.long ${a} - ${b}, ${a} - .`) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(label, fc.integer({ min: -300, max: 300 }))
      .map(([target, offset]) => `jmp ${target} + ${offset}`),
  },
);

const layoutProgram = fc.array(layoutStatement, { minLength: 30, maxLength: 120 }).map((statements) => {
  const distance = Math.floor(statements.length / LABELS);
  const lines = statements.flatMap((statement, index) =>
    index % distance === 0 && index / distance < LABELS ? [`L${index / distance}:`, statement] : [statement],
  );
  return `.globl global\n${lines.join('\n')}\nglobal: nop\n`;
});

const { expression } = fc.letrec<{ expression: string }>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.integer({ min: 0, max: 60 }).map(String),
    fc.constantFrom('A', 'B', '(L1 - L0)', '0x10', '017', '0b101', "'a'"),
    fc
      .tuple(
        tie('expression'),
        fc.constantFrom('+', '-', '*', '|', '&', '^', '==', '!=', '<>', '<', '>', '<=', '>=', '&&', '||'),
        tie('expression'),
      )
      .map((parts) => parts.join(' ')),
    fc.tuple(fc.constantFrom('-', '~', '!'), tie('expression')).map(([operator, inner]) => `${operator}(${inner})`),
    tie('expression').map((inner) => `(${inner})`),
    fc.tuple(tie('expression'), fc.constantFrom('<<', '>>'), fc.nat(20)).map((parts) => parts.join(' ')),
    fc
      .tuple(tie('expression'), fc.constantFrom('/', '%'), fc.integer({ min: 1, max: 9 }))
      .map((parts) => parts.join(' ')),
  ),
}));

const argument = fc.constantFrom(
  '1',
  'a',
  '%rax',
  '$5',
  '"b c"',
  '(1 + 2)',
  '-3',
  'x + y',
  '8(%rsp)',
  'p=4',
  '""',
  '~1',
  '*%rax',
  "'z'",
  '[1]',
  'a.b',
  '1 -2',
  '"q,r"',
);
const macroCall = fc
  .array(fc.tuple(argument, fc.constantFrom(', ', ',', ' ', ' ,')), { maxLength: 3 })
  .map((parts) => `M ${parts.map(([text, separator]) => text + separator).join('')}`.replace(/[ ,]+$/, ''));

describe('Random programs', () => {
  describe('become what GNU as makes of them', () => {
    before(function () {
      if (!hasProgram('as')) this.skip();
    });

    it('jumps, alignments and distances', () => {
      fc.assert(
        fc.property(layoutProgram, (program) => assertSameAsGnu(program)),
        { numRuns: 25 },
      );
    });

    it('expressions', () => {
      const program = fc
        .array(expression, { minLength: 40, maxLength: 40 })
        .map(
          (expressions) => `A = 7\nL0: .skip 5\nL1:\nB = -3\n${expressions.map((text) => `.quad ${text}\n`).join('')}`,
        );
      fc.assert(
        fc.property(program, (text) => assertSameAsGnu(text)),
        { numRuns: 10 },
      );
    });

    it('arguments of macros', () => {
      const macro = '.macro M a b=dflt p r:vararg\n.ascii "[\\a|\\b|\\p|\\r]"\n.endm\n';
      const calls = [...new Set(fc.sample(macroCall, { numRuns: 600, seed: 5 }))];
      const expected = gnuListing(calls, 64, macro);
      const wrong = calls.flatMap((call, index) => {
        const wanted = expected.get(index);
        const { module } = assemble({ path: 'input.s', text: `${macro}${call}\n` });
        const made = Buffer.from(module?.sections[0]?.data ?? []).toString();
        const asMade = Buffer.from(wanted ?? '', 'hex').toString();
        return wanted === undefined || made === asMade ? [] : [`${call} → as ${asMade}, ours ${made}`];
      });
      assert.ok(expected.size > 200);
      assert.deepEqual(wrong, []);
    });
  });

  it('never make the assembler throw', () => {
    const piece = fc.constantFrom(
      'mov',
      'add',
      'jmp',
      'lock',
      'rep',
      '.macro',
      '.endm',
      '.rept 2',
      '.endr',
      '.if',
      '.else',
      '.endif',
      '.byte',
      '.section',
      '.org',
      '.set',
      '.align',
      '.irp',
      '.ascii',
      'M',
      ' ',
      ' ',
      ',',
      '\n',
      '\n',
      ';',
      ':',
      '%rax',
      '%eax',
      '$',
      '1',
      '1b',
      '1f',
      '(',
      ')',
      '"',
      "'",
      '\\',
      '\\@',
      '\\()',
      '-',
      '*',
      '=',
      'a',
      'b',
      '.',
      '0x',
      '@PLT',
      '#',
      '{',
      '}',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 50 }), (pieces) => {
        assemble({ path: 'x.S', text: pieces.join(' ') });
        assemble({ path: 'x.s', text: pieces.join('') });
      }),
      { numRuns: 1500 },
    );
  });
});
