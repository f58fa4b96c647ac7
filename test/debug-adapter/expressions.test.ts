import assert from 'node:assert/strict';
import { completions } from '../../debug-adapter/expressions/completions';
import { evaluate, evaluateCondition, type EvaluationContext } from '../../debug-adapter/expressions/evaluator';
import { formatValue } from '../../debug-adapter/expressions/format';
import type { Register } from '../../debug-adapter/registers';

const TEXT_ADDRESS = 0x1000n;

/** Registers rax, rcx, eax, cf and gs_base, a symbol `table`, and a page of memory at 0x1000. */
function context(): EvaluationContext & { values: Map<string, bigint>; memory: Uint8Array } {
  const values = new Map([
    ['rax', 0xffffffffffffffdan],
    ['rcx', 0x401000n],
    ['eax', 0xffffffdan],
    ['cf', 1n],
    ['gs_base', TEXT_ADDRESS],
  ]);
  const bits: Record<string, number> = { eax: 32, cf: 1 };
  const memory = new Uint8Array(4096);
  memory.set(Buffer.from('Hello, "ring 0"!\n\0'));
  memory.set([0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x91], 0x28);
  return {
    values,
    memory,
    register: (name): Register | undefined =>
      values.has(name.toLowerCase())
        ? { name: name.toLowerCase(), bits: bits[name.toLowerCase()] ?? 64, group: 'general', read: () => 0n }
        : undefined,
    readRegister: (register) => values.get(register.name),
    writeRegister: (register, value) => values.set(register.name, value),
    symbol: (name) => (name === 'table' ? TEXT_ADDRESS : undefined),
    readMemory: (va, length) => {
      const at = Number(va - TEXT_ADDRESS);
      return at < 0 || at >= 4096 ? new Uint8Array() : memory.subarray(at, at + length);
    },
    writeMemory: (va, data) => {
      memory.set(data, Number(va - TEXT_ADDRESS));
      return data.length;
    },
    suggestion: (name) => (name === 'tabel' ? 'table' : undefined),
  };
}

const value = (text: string): bigint => evaluate(text, context()).value;

function shown(text: string): string {
  const where = context();
  const { value: result, type, format } = evaluate(text, where);
  return formatValue(result, type, format, {
    symbolic: (va) => (va === TEXT_ADDRESS ? 'table' : undefined),
    readLinear: (va, length) => where.readMemory(va, length),
  });
}

describe('expressions', () => {
  it('should read registers with and without sigil, in any case', () => {
    for (const text of ['rcx', '$rcx', '%rcx', 'RCX', '%RcX']) assert.equal(value(text), 0x401000n);
    assert.equal(value('$cf'), 1n);
  });

  it('should tell the remainder operator from a register sigil', () => {
    assert.equal(value('17 % 5'), 2n);
    assert.equal(value('17 %rcx'), 17n);
    assert.equal(value('5 + %rcx'), 0x401005n);
  });

  it('should read numbers as C and AT&T immediates do', () => {
    assert.equal(value('0x10'), 16n);
    assert.equal(value('0b101'), 5n);
    assert.equal(value('010'), 8n);
    assert.equal(value("'A'"), 65n);
    assert.equal(value('$0x3c'), 60n);
    assert.equal(value('0xffff_0000'), 0xffff0000n);
  });

  it('should follow the precedence of C', () => {
    assert.equal(value('2 + 3 * 4'), 14n);
    assert.equal(value('1 << 2 + 1'), 8n);
    assert.equal(value('6 & 3 == 3'), 0n);
    assert.equal(value('1 | 2 ^ 3 & 5'), 3n);
    assert.equal(value('0 || 1 && 0'), 0n);
    assert.equal(value('-2 + 5'), 3n);
    assert.equal(value('1 ? 2 : 0 ? 3 : 4'), 2n);
    assert.equal(value('(1 + 2) * 3'), 9n);
  });

  it('should compare a register with a negative number by its bits', () => {
    assert.equal(value('rax == -38'), 1n);
    assert.equal(value('eax == -38'), 1n);
    assert.equal(value('rax < 0'), 0n);
    assert.equal(value('(s64)rax < 0'), 1n);
  });

  it('should read memory through casts, as bytes of the right width and sign', () => {
    assert.equal(value('*(u64*)(table + 0x28)'), 0x9122334455667788n);
    assert.equal(value('*(u32*)(table + 0x28)'), 0x55667788n);
    assert.equal(value('*(s8*)(table + 0x28)'), -0x78n);
    assert.equal(value('*(unsigned char *)table'), 72n);
    assert.equal(value('((u16*)table)[1]'), 0x6c6cn);
    assert.equal(value('%gs:0x28'), 0x9122334455667788n);
  });

  it('should add elements to pointers and bytes to symbols', () => {
    assert.equal(value('table+8'), 0x1008n);
    assert.equal(value('(u32*)table + 2'), 0x1008n);
    assert.equal(value('&*(u64*)(table+16)'), 0x1010n);
  });

  it('should assign to registers, parts of memory and nothing else', () => {
    const where = context();
    assert.equal(evaluate('rcx = rcx + 1', where).value, 0x401001n);
    assert.equal(where.values.get('rcx'), 0x401001n);
    evaluate('*(u16*)table = 0x4142', where);
    assert.deepEqual([...where.memory.subarray(0, 3)], [0x42, 0x41, 0x6c]);
    assert.throws(() => evaluate('table = 1', where), /only a register or memory/);
    assert.throws(() => evaluate('*(u8*)table = 256', where), /256 does not fit 1 byte \(u8\)/);
  });

  it('should show values in the formats asked for', () => {
    assert.equal(shown('30'), '0x1e (30)');
    assert.equal(shown('5'), '0x5');
    assert.equal(shown('rax'), '0xffffffffffffffda (-38)');
    assert.equal(shown('table'), '0x1000 <table>');
    assert.equal(shown('rax,d'), '-38');
    assert.equal(shown('rax,u'), '18446744073709551578');
    assert.equal(shown('5,b'), '0b101');
    assert.equal(shown('8,o'), '010');
    assert.equal(shown('65,c'), "'A'");
    assert.equal(shown('table,s'), '"Hello, \\"ring 0\\"!\\n"');
    assert.equal(shown('(char*)table'), '0x1000 "Hello, \\"ring 0\\"!\\n"');
  });

  it('should decide conditions', () => {
    assert.equal(evaluateCondition('rcx == 0x401000 && cf', context()), true);
    assert.equal(evaluateCondition('!cf', context()), false);
    assert.equal(evaluateCondition('rcx && 1 / 0 == 0 || 1', { ...context(), readRegister: () => 0n }), true);
  });

  const errors: [text: string, message: RegExp][] = [
    ['', /an expression is missing/],
    ['1 +', /a register, symbol or number is expected instead of the end \(at column 4\)/],
    ['(1', /"\)" is missing before the end/],
    ['1 2', /unexpected the number 2 \(at column 3\)/],
    ['tabel', /there is no register or symbol "tabel"; did you mean table\?/],
    ['$nix', /there is no register "nix"/],
    ['1 / 0', /division by zero \(at column 3\)/],
    ['1 << 64', /a shift by 64 is out of 0\.\.63/],
    ['*(u64*)0x5000', /memory at 0x5000 is not mapped/],
    ['rax,q', /unknown format ,q: use ,x/],
    ['rax @ 2', /"@" has no meaning here/],
    ['&5', /only memory and symbols have an address/],
  ];
  for (const [text, message] of errors) {
    it(`should explain what is wrong with "${text}"`, () => {
      assert.throws(() => evaluate(text, context()), message);
    });
  }
});

describe('completions', () => {
  const complete = (text: string): string[] =>
    completions(text.replace('|', ''), text.indexOf('|'), ['rax', 'rcx', 'lstar'], ['entry_SYSCALL_64', 'start']).map(
      ({ label }) => label,
    );

  it('should offer registers alone after a sigil', () =>
    assert.deepEqual(complete('1 + $r|'), ['$rax', '$rcx', '$lstar']));
  it('should offer names that begin with the text first', () => assert.deepEqual(complete('st|'), ['start', 'lstar']));
  it('should offer types in a cast', () => assert.ok(complete('*(u6|').includes('u64')));
  it('should replace what is typed', () => {
    const [first] = completions('rax + entr', 10, [], ['entry_SYSCALL_64']);
    assert.deepEqual([first.start, first.length], [6, 4]);
  });
});
