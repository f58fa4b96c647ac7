import assert from 'node:assert/strict';
import { Cr4, type Stop, Vector } from '../../../emulator';
import { FloatException } from '../../../emulator/softfloat';
import type { Pc } from '../../../emulator/pc';
import { CODE, gnuAssemble, machineWith } from '../engine/support';
import { DATA, haveGnuAs, map, PAGE, pageTable } from './support';

const ALL = 'intel,+x86-64-v3';
const ENGINES = ['interpreter', 'tiered', 'compiled'] as const;
type Stages = (typeof ENGINES)[number];
const MASKED = 0x1f80;
const mask = (exception: FloatException): number => exception << 7;

interface Setup {
  readonly engine: Stages;
  readonly mxcsr?: number;
  readonly change?: (machine: Pc) => void;
}

/** A machine that has run the source, which begins at `CODE`, to its HLT or its first exception. */
function run(source: string, { engine, mxcsr = MASKED, change = () => {} }: Setup): { machine: Pc; stop: Stop } {
  const machine = machineWith(gnuAssemble(source), { cpu: ALL, engine });
  const { state } = machine;
  state.cr4 |= Cr4.OSFXSR | Cr4.OSXMMEXCPT | Cr4.OSXSAVE;
  state.xcr0 = 7n;
  state.extended.mxcsr = mxcsr;
  for (let vector = 0; vector < 32; vector++) machine.stopOn.exceptions.add(vector);
  change(machine);
  return { machine, stop: machine.run(20_000_000) };
}

const registers = ({ state }: Pc): DataView => {
  const { buffer, byteOffset, length } = state.extended.vectors;
  return new DataView(buffer, byteOffset, length);
};
const low = (machine: Pc, register: number): number => registers(machine).getFloat64(32 * register, true);

describe('Floating-point instructions of SSE and AVX', function () {
  this.timeout(30_000);

  before(function () {
    if (!haveGnuAs()) this.skip();
  });

  it('raise #XM at the instruction, with what came before it done', function () {
    // xmm0 grows until it overflows; xmm1 counts; xmm2 keeps the last value but one.
    const source = `
      mov $0x3ff028f5c28f5c29, %rax  # 1.01
      movq %rax, %xmm3
      mov $0x3ff0000000000000, %rax  # 1
      movq %rax, %xmm0
      movq %rax, %xmm4
      xorps %xmm1, %xmm1
    1: movaps %xmm0, %xmm2
      addsd %xmm4, %xmm1
      mulsd %xmm3, %xmm0
      jmp 1b`;
    let value = 1;
    let count = 1;
    for (; value * 1.01 < Infinity; count++) value *= 1.01;
    for (const engine of ENGINES) {
      const { machine, stop } = run(source, { engine, mxcsr: MASKED & ~mask(FloatException.OVERFLOW) });
      assert.equal(stop.reason, 'exception', engine);
      assert.equal(stop.vector, Vector.XM, engine);
      assert.equal(gnuAssemble(source).length - 6, Number(machine.state.rip) - CODE, engine);
      assert.deepEqual([low(machine, 0), low(machine, 1), low(machine, 2)], [value, count, value], engine);
      const flags = machine.state.extended.mxcsr & 0x3f;
      assert.equal(flags, FloatException.OVERFLOW | FloatException.PRECISION, engine);
    }
  });

  it('raise #UD instead if the operating system does not handle #XM', function () {
    for (const engine of ENGINES) {
      const { machine, stop } = run('nop\nxorps %xmm0, %xmm0\ndivss %xmm0, %xmm0\nhlt', {
        engine,
        mxcsr: 0,
        change: ({ state }) => {
          state.cr4 &= ~Cr4.OSXMMEXCPT;
        },
      });
      assert.equal(stop.reason === 'exception' && stop.vector, Vector.UD);
      assert.equal(machine.state.rip, BigInt(CODE + 4));
    }
  });

  it('note nothing of results when an operand of any element raised #XM', function () {
    // Elements 1/3, 1/0, 1/3, 1/3
    const source = `
      mov $0x3f800000, %eax
      movd %eax, %xmm0
      shufps $0, %xmm0, %xmm0
      mov $3, %ecx
      cvtsi2ss %ecx, %xmm1
      shufps $0x51, %xmm1, %xmm1
      divps %xmm1, %xmm0
      hlt`;
    for (const engine of ENGINES) {
      const masked = run(source, { engine });
      assert.equal(masked.stop.reason, 'halt');
      const flags = (machine: Pc): number => machine.state.extended.mxcsr & 0x3f;
      assert.equal(flags(masked.machine), FloatException.ZERO_DIVIDE | FloatException.PRECISION);
      const unmasked = run(source, { engine, mxcsr: MASKED & ~mask(FloatException.ZERO_DIVIDE) });
      assert.equal(unmasked.stop.reason === 'exception' && unmasked.stop.vector, Vector.XM);
      assert.equal(flags(unmasked.machine), FloatException.ZERO_DIVIDE);
      assert.equal(registers(unmasked.machine).getFloat32(0, true), 1);
    }
  });

  it('find out whether a result is exact, in hot code too', function () {
    // Products of whole numbers below 2^27 and 2^26, with their sum: exact up to 2^53.
    const source = `
      ldmxcsr (%rbx)
      mov $100000, %ecx
      mov $67108863, %eax
      cvtsi2sd %eax, %xmm2
      xorps %xmm3, %xmm3
    1: lea 134117728(%rcx), %eax
      cvtsi2sd %eax, %xmm0
      movaps %xmm0, %xmm1
      mulsd %xmm2, %xmm1
      divsd %xmm2, %xmm1
      subsd %xmm1, %xmm0
      addsd %xmm0, %xmm3
      dec %ecx
      jnz 1b
      mov $134217728, %eax
      cvtsi2sd %eax, %xmm1
      mov $SMALLEST, %eax
      cvtsi2sd %eax, %xmm0
      addsd %xmm1, %xmm2
      mulsd %xmm0, %xmm2
      hlt`;
    for (const engine of ENGINES) {
      for (const [factor, exact] of [
        [1, true],
        [0x3fffffff, false],
      ] as const) {
        const { machine, stop } = run(source.replace('SMALLEST', String(factor)), {
          engine,
          change: ({ state, memory }) => {
            state.gpr[3] = BigInt(DATA);
            memory.writeU64(DATA, BigInt(MASKED));
          },
        });
        assert.equal(stop.reason, 'halt');
        assert.equal(low(machine, 3), 0);
        assert.equal(low(machine, 2), (67108863 + 134217728) * factor);
        assert.equal(machine.state.extended.mxcsr, exact ? MASKED : MASKED | FloatException.PRECISION, engine);
      }
    }
  });

  it('leave MXCSR alone when the result cannot be stored', function () {
    for (const engine of ENGINES) {
      const { machine, stop } = run('mov $0x3f800001, %eax\nmovd %eax, %xmm1\nvcvtps2ph $0, %xmm1, (%rbx)\nhlt', {
        engine,
        change: (absent) => {
          pageTable(absent);
          map(absent, DATA + PAGE, 'absent');
          absent.state.gpr[3] = BigInt(DATA + PAGE - 4);
        },
      });
      assert.equal(stop.reason === 'exception' && stop.vector, Vector.PF);
      assert.equal(machine.state.extended.mxcsr, MASKED);
    }
  });

  it('approximate reciprocals and their roots as closely as the manual demands', function () {
    const source = 'rcpps (%rbx), %xmm0\nrsqrtps (%rbx), %xmm1\nhlt';
    const { machine } = run(source, { engine: 'interpreter', change: (m) => (m.state.gpr[3] = BigInt(DATA)) });
    const input = new DataView(machine.memory.bytes.buffer, machine.memory.bytes.byteOffset + DATA, 16);
    const approximations = (patterns: readonly number[]): [reciprocals: number[], roots: number[]] => {
      patterns.forEach((pattern, i) => input.setUint32(4 * i, pattern, true));
      machine.state.halted = false;
      machine.state.rip = BigInt(CODE);
      machine.run(10);
      const lanes = (register: number): number[] =>
        patterns.map((_, i) => registers(machine).getUint32(32 * register + 4 * i, true));
      return [lanes(0), lanes(1)];
    };
    const scratch = new DataView(new ArrayBuffer(4));
    const number = (pattern: number): number => {
      scratch.setUint32(0, pattern);
      return scratch.getFloat32(0);
    };
    for (let pattern = 0x00800000; pattern <= 0x7e800000; pattern += 0x0003a5b7) {
      const [[reciprocal], [root]] = approximations([pattern, pattern, pattern, pattern]);
      const x = number(pattern);
      assert.ok(Math.abs(number(reciprocal) * x - 1) <= 1.5 * 2 ** -12, String(x));
      assert.ok(Math.abs(number(root) * Math.sqrt(x) - 1) <= 1.5 * 2 ** -12, String(x));
    }
    const [MINUS, INFINITE, DEFAULT_NAN] = [0x80000000, 0x7f800000, 0xffc00000];
    const NEGATIVE_INFINITE = MINUS + INFINITE;
    const [reciprocals, roots] = approximations([MINUS, INFINITE, 0x7f812345, 0x80000001]);
    assert.deepEqual(reciprocals, [NEGATIVE_INFINITE, 0, 0x7fc12345, NEGATIVE_INFINITE]);
    assert.deepEqual(roots, [NEGATIVE_INFINITE, 0, 0x7fc12345, NEGATIVE_INFINITE]);
    const [tiny, ofNegatives] = approximations([0x7f000000, 0xff000000, NEGATIVE_INFINITE, 0xbf800000]);
    assert.deepEqual(tiny, [0, MINUS, MINUS, 0xbf800000]);
    assert.deepEqual(ofNegatives.slice(1), [DEFAULT_NAN, DEFAULT_NAN, DEFAULT_NAN]);
    assert.equal(machine.state.extended.mxcsr, MASKED);
  });
});
