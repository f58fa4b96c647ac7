import assert from 'node:assert/strict';
import type { Pc } from '../../../emulator/pc';
import { assemble } from '../../../toolchain';
import { machineWith } from './support';

/** A small, fast, seeded generator (mulberry32): a failing program is named by its seed. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const NAMES: readonly (readonly string[])[] = [
  ['%rax', '%eax', '%ax', '%al', '%ah'],
  ['%rcx', '%ecx', '%cx', '%cl', '%ch'],
  ['%rdx', '%edx', '%dx', '%dl', '%dh'],
  ['%rsi', '%esi', '%si', '%sil', '%sil'],
  ['%rdi', '%edi', '%di', '%dil', '%dil'],
  ['%r8', '%r8d', '%r8w', '%r8b', '%r8b'],
  ['%r9', '%r9d', '%r9w', '%r9b', '%r9b'],
  ['%r10', '%r10d', '%r10w', '%r10b', '%r10b'],
];
const SUFFIXES = ['q', 'l', 'w', 'b'];
const CONDITIONS = ['o', 'no', 'b', 'ae', 'e', 'ne', 'be', 'a', 's', 'ns', 'p', 'np', 'l', 'ge', 'le', 'g'];

/**
 * A program that loops over random straight runs, branches, calls, memory in two neighbouring pages at %rbx, pushes, and
 * reads and writes of flags. R15 counts the iterations, R14 collects flags.
 */
function program(seed: number): string {
  const below = random(seed);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)];
  const lines: string[] = [];
  let label = 0;
  const address = (): string => {
    const displacement = 8 * below(500) + pick([0, 0, 0, 1, 4]) + pick([0, 0x1000, 0xffc]);
    return pick([`${displacement}(%rbx)`, `${displacement & 0xfff}(%rbx,%r11,${pick([1, 2, 4, 8])})`]);
  };
  const instruction = (): string => {
    const size = below(4);
    // AH and its like cannot stand beside registers that need a REX prefix.
    const high = below(3) === 0;
    const register = (): string => (high && size === 3 ? pick(NAMES.slice(0, 3))[pick([3, 4])] : pick(NAMES)[size]);
    const suffix = SUFFIXES[size];
    const wide = pick([0, 1]);
    const source = pick([register(), `$${below(256) - 128}`, register()]);
    switch (below(20)) {
      case 0:
      case 1:
      case 2:
        return `${pick(['add', 'sub', 'xor', 'and', 'or', 'cmp', 'adc', 'sbb'])}${suffix} ${source}, ${register()}`;
      case 3:
        return `${pick(['add', 'sub', 'xor', 'cmp', 'adc'])}${suffix} ${pick(NAMES.slice(3))[size]}, ${address()}`;
      case 4:
        return `${pick(['mov', 'add', 'cmp', 'or', 'sbb'])}${suffix} ${address()}, ${pick(NAMES.slice(3))[size]}`;
      case 5:
        return `mov${suffix} ${source}, ${register()}`;
      case 6:
        return `${pick(['inc', 'dec', 'neg', 'not'])}${suffix} ${register()}`;
      case 7:
        return `${pick(['shl', 'shr', 'sar', 'rol', 'ror'])}${suffix} ${pick(['%cl', `$${below(64)}`, '$1'])}, ${register()}`;
      case 8:
        return `lea ${below(4096)}(${pick(NAMES)[0]},${pick(NAMES)[0]},${pick([1, 2, 4, 8])}), ${pick(NAMES)[wide]}`;
      case 9:
        return `imul ${pick(NAMES)[wide]}, ${pick(NAMES)[wide]}`;
      case 10:
        return `set${pick(CONDITIONS)} ${pick(NAMES)[3]}`;
      case 11:
        return `cmov${pick(CONDITIONS)} ${pick(NAMES)[wide]}, ${pick(NAMES)[wide]}`;
      case 12:
        return `test${suffix} ${source}, ${register()}`;
      case 13:
        return `push ${pick(NAMES)[0]}\n pop ${pick(NAMES)[0]}`;
      case 14:
        return `${pick(['movzb', 'movsb'])}${pick(['l', 'q'])} %sil, ${pick(NAMES)[pick([1])]}`.replace(
          /(z|s)bq (.*), %(\w+)$/,
          '$1bl $2, %$3',
        );
      case 15:
        return `${pick(['bt', 'bts', 'btr', 'btc'])} $${below(32)}, ${pick(NAMES)[wide]}`;
      case 16:
        return 'and $0x1f, %r11d';
      case 17:
        return `pushf\n pop %r12\n and $0xcd5, %r12d\n xor %r12, %r14\n rol $7, %r14`;
      case 18:
        return `xchg ${register()}, ${register()}`;
      default:
        return `${pick(['bswap', 'mul', 'neg'])} ${pick(NAMES)[0]}`;
    }
  };
  lines.push('  mov $0x50000, %ebx', '  xor %r11d, %r11d', '  mov $1000000, %r15d', 'loop:');
  const open: { label: string; at: number }[] = [];
  const count = 20 + below(60);
  for (let i = 0; i < count; i++) {
    for (const branch of open.filter(({ at }) => at === i)) lines.push(`${branch.label}:`);
    if (below(7) === 0) {
      const name = `l${label++}`;
      open.push({ label: name, at: i + 1 + below(6) });
      lines.push(`  ${pick(['cmp', 'test', 'sub', 'add'])} ${pick(NAMES)[1]}, ${pick(NAMES)[1]}`);
      lines.push(`  j${pick(CONDITIONS)} ${name}`);
    } else if (below(15) === 0) {
      lines.push('  call leaf');
    } else {
      lines.push(`  ${instruction()}`);
    }
  }
  for (const branch of open.filter(({ at }) => at >= count)) lines.push(`${branch.label}:`);
  lines.push('  dec %r15', '  jnz loop', '  hlt', 'leaf:', '  xor %rsi, %rax', '  add $3, %rdi', '  ret');
  return lines.join('\n');
}

function code(seed: number): Uint8Array {
  const { module, diagnostics } = assemble({ path: 'random.s', text: `${program(seed)}\n` }, {});
  const text = module?.sections.find(({ name }) => name === '.text');
  if (!text) throw new Error(`seed ${seed}: ${diagnostics[0].message}\n${program(seed)}`);
  return text.data;
}

function state({ state: cpu, instructionCount, memory }: Pc): string {
  const registers = [...cpu.gpr].map((value) => value.toString(16)).join(' ');
  const window = Buffer.from(memory.bytes.subarray(0x50000, 0x52200)).toString('base64');
  return `${instructionCount} ${cpu.rip.toString(16)} ${cpu.rflags.toString(16)} ${registers} ${window}`;
}

describe('Compiled code', function () {
  this.timeout(120_000);

  it('does what the interpreter does, at every stop', function () {
    const first = Number(process.env.RINGSIDE_SEED ?? 1);
    const programs = Number(process.env.RINGSIDE_PROGRAMS ?? 6);
    let compiledPrograms = 0;
    for (let seed = first; seed < first + programs; seed++) {
      const bytes = code(seed);
      const compiled = machineWith(bytes, { engine: 'tiered' });
      const interpreted = machineWith(bytes, { engine: 'interpreter' });
      const below = random(seed);
      for (const count of [200_000, 1 + below(5000), 100_000 + below(100_000), 1 + below(100), 77_777]) {
        assert.deepEqual(compiled.run(count), interpreted.run(count));
        assert.equal(state(compiled), state(interpreted), `seed ${seed}`);
      }
      if (compiled.compiledRegions > 0) compiledPrograms++;
    }
    // Short runs spread over many blocks need not get hot, but most do.
    assert.ok(compiledPrograms > programs / 2, `only ${compiledPrograms} of ${programs} were compiled`);
  });

  it('notices when it is patched by itself', function () {
    const { module } = assemble(
      {
        path: 'patch.s',
        text: `
          xor %ecx, %ecx
        1: mov %ecx, %eax
          and $0x7f, %al
          test $0xfff, %ecx
          jnz 2f
          mov %al, value(%rip)
          incb value(%rip)
        2: add value(%rip), %dl
          .byte 0x83, 0xc6
        value: .byte 0
          inc %ecx
          cmp $400000, %ecx
          jne 1b
          hlt
        `,
      },
      {},
    );
    const bytes = module?.sections.find(({ name }) => name === '.text')?.data ?? new Uint8Array();
    const compiled = machineWith(bytes, { engine: 'tiered' });
    const interpreted = machineWith(bytes, { engine: 'interpreter' });
    for (const machine of [compiled, interpreted]) assert.deepEqual(machine.run(10_000_000), { reason: 'halt' });
    assert.equal(state(compiled), state(interpreted));
  });

  it('stops at breakpoints and data breakpoints set while it runs', function () {
    const bytes = code(3);
    const machine = machineWith(bytes, { engine: 'tiered' });
    machine.run(400_000);
    assert.ok(machine.compiledRegions > 0);
    // The first instruction of the loop.
    const address = 0x10000en;
    machine.addBreakpoint(address);
    assert.deepEqual(machine.run(1_000_000), { reason: 'breakpoint', address });
    machine.removeBreakpoint(address);
    assert.deepEqual(machine.run(400_000), { reason: 'limit' });
  });
});
