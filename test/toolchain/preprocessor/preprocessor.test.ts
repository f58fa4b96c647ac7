/** The C preprocessor: the same tokens as gcc -E, and for every line the way back to the source. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { locationAt, preprocess, type PreprocessOptions } from '../../../toolchain/preprocessor';

/** Lines without white space that means nothing; empty lines left out. */
function normalize(lines: readonly string[]): string[] {
  return lines.map((line) => line.replace(/#.*$/, '').replace(/\s+/g, '')).filter((line) => line !== '');
}

function gccPreprocess(text: string, files: Readonly<Record<string, string>> = {}): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'ringside-cpp-'));
  try {
    for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content);
    const run = spawnSync('gcc', ['-E', '-P', '-x', 'assembler-with-cpp', '-I.', '-'], {
      cwd: directory,
      input: text,
      encoding: 'utf8',
    });
    assert.equal(run.status, 0, run.stderr);
    return run.stdout.split('\n');
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function run(text: string, options: PreprocessOptions = {}): string[] {
  return preprocess({ path: 'main.S', text }, options).lines.map((line) => line.text.trim());
}

function errors(text: string, options: PreprocessOptions = {}): string[] {
  return preprocess({ path: 'main.S', text }, options).diagnostics.map(
    ({ severity, message, location, endColumn }) =>
      `${location.file}:${location.line}:${location.column}-${endColumn} ${severity}: ${message}`,
  );
}

/** What C11 and the GNU manual use as examples, and what kernels do. */
const SAME_AS_GCC: Readonly<Record<string, string>> = {
  'objects and functions': '#define A 1\n#define F(x, y) x + y\nA F(A, 2) F (3, (4, 5)) F\nF\n',
  'nested and recursive': '#define f(a) a*g\n#define g(a) f(a)\nf(2)(9)\n#define x x + 1\nx x\n#define foo foo\nfoo\n',
  'C11 6.10.3.5 example 3':
    '#define x 3\n#define f(a) f(x * (a))\n#undef x\n#define x 2\n#define g f\n#define z z[0]\n#define h g(~\n#define m(a) a(w)\n#define w 0,1\n#define t(a) a\n#define p() int\n#define q(x) x\n#define r(x,y) x ## y\n#define str(x) # x\nf(y+1) + f(f(z)) % t(t(g)(0) + t)(1);\ng(x+(3,4)-w) | h 5) & m\n(f)^m(m);\np() i[q()] = { q(1), r(2,3), r(4,), r(,5), r(,) };\nchar c[2][6] = { str(hello), str() };\n',
  stringize: '#define s(x) #x\n#define xs(x) s(x)\n#define v 4\ns(v) xs(v) s("a\\n") s( a   b ) s(\'"\')\n',
  paste:
    '#define cat(a, b) a ## b\n#define xcat(a, b) cat(a, b)\n#define one 1\ncat(one, 2) xcat(one, 2) cat(.L, x) cat(, y) cat(x, )\n#define hash_hash # ## #\n',
  variadic:
    '#define e(...) __VA_ARGS__\n#define p(f, ...) f(f, ## __VA_ARGS__)\n#define n(args...) [args]\ne(1, 2) e() p(1) p(1, 2, 3) n(4, 5) n()\n',
  conditions:
    "#define A 5\n#if A > 4 && (A & 1) == 1 && !defined B\nyes1\n#endif\n#if defined(A) ? 0 : 1\nno\n#elif -1 > 0u\nyes2\n#else\nno\n#endif\n#if 0\n#if 1\nno\n#else\nno\n#endif\n#elif 1\nyes3\n#elif 1\nno\n#endif\n#ifndef B\nyes4\n#endif\n#if 'a' == 97 && 0x10 == 020 && 1 || 1/0\nyes5\n#endif\n#if UNKNOWN == 0 && (2 || 1/0)\nyes6\n#endif\n#if (-7 / 2 == -3) && (-7 % 2 == -1) && (~0 == -1) && (1 << 3 >> 1 == 4)\nyes7\n#endif\n",
  'arguments over lines': '#define F(a, b) a b\nF(1,\n  2) after\nF\n(3,\n 4)\n',
  comments: 'a /* x */ b // c\nd /* e\nf */ g\n#define A /* nothing */ 1 // one\nA "/* kept */" \'"\' "// kept"\n',
  continuation: '#define A \\\n  1 \\\n  2\nA x\\\ny\n',
  'assembler text':
    '#define FOO bar\n.Lfoo: mov $FOO, %FOO ; FOO-FOO 1FOO FOO1 0xFOO $FOO@PLT\n1: jmp 1b\n .ascii "FOO", \'F\'\n',
  'a lone quote': '#define A 1\nmov A, b A\nit\'s A\n"open A\n',
};

describe('C preprocessor', () => {
  describe('makes the same of it as gcc -E', () => {
    before(function () {
      if (spawnSync('gcc', ['--version']).status !== 0) this.skip();
    });

    for (const [name, text] of Object.entries(SAME_AS_GCC)) {
      it(name, () => {
        // gcc joins lines that arguments were spread over; what matters is the row of tokens
        assert.equal(normalize(run(text)).join(''), normalize(gccPreprocess(text)).join(''));
      });
    }

    it('conditions of all operators, on random values', () => {
      const literal = fc.integer({ min: -40, max: 40 }).map((value) => (value < 0 ? `(${value})` : `${value}`));
      const { expression } = fc.letrec<{ expression: string }>((tie) => ({
        expression: fc.oneof(
          { maxDepth: 4, withCrossShrink: true },
          literal,
          fc
            .tuple(
              tie('expression'),
              fc.constantFrom('+', '-', '*', '&', '|', '^', '==', '!=', '<', '>', '<=', '>=', '&&', '||'),
              tie('expression'),
            )
            .map(([a, operator, b]) => `${a} ${operator} ${b}`),
          fc.tuple(fc.constantFrom('-', '~', '!'), tie('expression')).map(([operator, a]) => `${operator} ${a}`),
          tie('expression').map((inner) => `(${inner})`),
          fc.tuple(tie('expression'), tie('expression'), tie('expression')).map(([a, b, c]) => `(${a} ? ${b} : ${c})`),
          fc
            .tuple(tie('expression'), fc.constantFrom('<<', '>>'), fc.integer({ min: 0, max: 9 }))
            .map(([a, operator, b]) => `(${a}) ${operator} ${b}`),
          fc
            .tuple(tie('expression'), fc.constantFrom('/', '%'), fc.integer({ min: 1, max: 9 }))
            .map(([a, operator, b]) => `(${a}) ${operator} ${b}`),
        ),
      }));
      const conditions = fc.sample(expression, { numRuns: 300, seed: 20 });
      const text = conditions.map((condition, index) => `#if ${condition}\ntrue${index}\n#endif\n`).join('');
      assert.deepEqual(normalize(run(text)), normalize(gccPreprocess(text)));
    });
  });

  it('includes from the own directory, then from the include paths', () => {
    const files: Record<string, string> = {
      'src/own.h': 'own\n#include <lib.h>\n',
      'include/lib.h': 'lib\n#include "sub/more.h"\n',
      'include/sub/more.h': 'more __FILE__ __LINE__\n',
    };
    const text = 'first\n#include "own.h"\n#define WHERE <lib.h>\n#include WHERE\nlast __LINE__\n';
    const result = preprocess(
      { path: 'src/main.S', text },
      { includePaths: ['include'], readFile: (path) => files[path] },
    );
    assert.deepEqual(
      result.lines.map((line) => `${line.file}:${line.line} ${line.text}`),
      [
        'src/main.S:1 first',
        'src/own.h:1 own',
        'include/lib.h:1 lib',
        'include/sub/more.h:1 more "include/sub/more.h" 1',
        'include/lib.h:1 lib',
        'include/sub/more.h:1 more "include/sub/more.h" 1',
        'src/main.S:5 last 5',
      ],
    );
    assert.deepEqual(result.dependencies, ['src/own.h', 'include/lib.h', 'include/sub/more.h']);
    assert.deepEqual(
      result.includes
        .map(({ name, path, location }) => `${location.file}:${location.line}:${location.column} ${name} ${path ?? ''}`)
        .slice(0, 2),
      ['src/main.S:2:10 own.h src/own.h', 'src/own.h:2:10 lib.h include/lib.h'],
    );
  });

  it('defines from the command line', () => {
    const defines = { DEBUG: true, LEVEL: '3', 'ADD(a, b)': '(a + b)' } as const;
    assert.deepEqual(run('#if DEBUG && LEVEL == 3\nADD(1, LEVEL)\n#endif\n', { defines }), ['(1 + 3)']);
    assert.deepEqual(run('#ifdef __ASSEMBLER__\n__x86_64__\n#endif\n'), ['1']);
  });

  it('keeps the place of every character, through macros and continuation lines', () => {
    const text = '#define REG %rax\n\tmov REG, 8(REG); /* x */ nop\n\tadd $1, \\\n\t REG\n';
    const result = preprocess({ path: 'main.S', text });
    const place = (lineIndex: number, part: string, from = 0): string => {
      const line = result.lines[lineIndex];
      const { line: number, column } = locationAt(line, line.text.indexOf(part, from));
      return `${number}:${column}`;
    };
    assert.equal(place(0, 'mov'), '2:2');
    assert.equal(place(0, '%rax'), '2:6');
    assert.equal(place(0, '8('), '2:11');
    assert.equal(place(0, 'nop'), '2:27');
    assert.equal(place(1, 'add'), '3:2');
    assert.equal(place(1, '%rax'), '4:3');
  });

  it('records which macros were used where, and inside which', () => {
    const text = '#define ONE 1\n#define TWO (ONE + ONE)\n#define F(x) x\n\tmov $F(TWO), %eax\n';
    const [line] = preprocess({ path: 'main.S', text }).lines;
    assert.deepEqual(
      line.macros.map(
        ({ name, definition, call, endColumn, parent }) =>
          `${name} ${definition.line} ${call.line}:${call.column}-${endColumn} ${parent?.name ?? ''}`,
      ),
      ['F 3 4:7-13 ', 'TWO 2 4:9-12 ', 'ONE 1 4:9-12 TWO', 'ONE 1 4:9-12 TWO'],
    );
  });

  it('reports what is wrong, on the line that is wrong', () => {
    assert.deepEqual(errors('#include "no.h"\n', { includePaths: ['inc', 'lib'] }), [
      "main.S:1:10-16 error: cannot find 'no.h': looked in ., inc, lib",
    ]);
    assert.deepEqual(errors('\n#if X\n'), ['main.S:2:1-6 error: this conditional has no #endif']);
    assert.deepEqual(errors('#endif\n#else\n'), [
      'main.S:1:1-7 error: #endif without #if',
      'main.S:2:1-6 error: #else without #if',
    ]);
    assert.deepEqual(errors('#error no such CPU\n#warning old\n'), [
      'main.S:1:1-19 error: #error no such CPU',
      'main.S:2:1-13 warning: #warning old',
    ]);
    assert.deepEqual(errors('#if 1 +\n#endif\n'), ['main.S:1:1-8 error: the condition ends too early']);
    assert.deepEqual(errors('#if 1 / 0\n#endif\n'), ['main.S:1:7-8 error: division by zero in the condition']);
    assert.deepEqual(errors('#define F(a, b) a\nx F(1)\nF(1,2\n'), [
      "main.S:2:3-4 error: macro 'F' takes 2 arguments but was given 1; call it as F(a, b)",
      "main.S:3:1-2 error: the arguments of macro 'F' have no closing ')'",
    ]);
    assert.deepEqual(errors('#define A 1\n#define A 1\n#define A 2\n'), [
      "main.S:3:9-10 warning: macro 'A' is defined anew; its first definition is at main.S:1 (#undef it first if that is meant)",
    ]);
    assert.match(errors('#define 1A x\n')[0], /is not a macro name/);
  });

  it('stops include cycles', () => {
    const [message] = errors('#include "a.h"\n', { readFile: () => '#include "a.h"\n' });
    assert.match(message, /^a\.h:1:10-15 error: 'a\.h' includes itself without end/);
  });

  it('never throws, whatever the text', () => {
    const piece = fc.constantFrom(
      '#define',
      '#if',
      '#else',
      '#endif',
      '#include',
      ' ',
      '\n',
      '(',
      ')',
      ',',
      '##',
      '#',
      'A',
      'B(x)',
      'B',
      '1',
      '"',
      "'",
      '\\\n',
      '/*',
      '*/',
      '//',
      'defined',
      '...',
      '__VA_ARGS__',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        preprocess({ path: 'x.S', text: pieces.join(' ') });
        preprocess({ path: 'x.S', text: pieces.join('') });
      }),
      { numRuns: 500 },
    );
  });
});
