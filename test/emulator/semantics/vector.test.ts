import assert from 'node:assert/strict';
import { Cr0, Cr4, decode, Gpr, type Stop, Vector } from '../../../emulator';
import { definitions } from '../../../emulator/isa/semantics';
import { descriptionName, operandRefs, shapeCode } from '../../../emulator/isa/semantics/definition';
import type { Pc } from '../../../emulator/pc';
import { CODE, gnuAssemble, machineWith } from '../engine/support';
import { DATA, haveGnuAs, map, pageTable, PAGE, WAYS } from './support';

const ALL = 'intel,+x86-64-v3';
const SSE = Cr4.OSFXSR | Cr4.OSXMMEXCPT;
/** x87, SSE and AVX state. */
const AVX_STATE = 7n;
/** The end of a page behind which nothing is mapped. */
const END = DATA + PAGE;
const SLOT = 32;
const PATTERN = Uint8Array.from({ length: PAGE }, (_, i) => (i * 29 + 3) & 0xff);

const assembled = new Map<string, Uint8Array>();

/** Assembles a NOP, each of the instructions, and UD2 behind it, all at once. */
function prepare(instructions: readonly string[]): void {
  const fresh = instructions.filter((instruction) => !assembled.has(instruction));
  const code = gnuAssemble(fresh.map((instruction) => `.balign ${SLOT}\nnop\n${instruction}\nud2`).join('\n'));
  fresh.forEach((instruction, i) => assembled.set(instruction, code.slice(i * SLOT, (i + 1) * SLOT)));
}

interface Setup {
  readonly cpu?: string;
  readonly change?: (machine: Pc) => void;
}

/** One machine a CPU model: making them is what takes time. */
const machines = new Map<string, Pc>();

function machineOf(cpu: string): Pc {
  const known = machines.get(cpu);
  if (known) return known;
  const machine = machineWith(new Uint8Array(), { cpu });
  pageTable(machine);
  map(machine, END, 'absent');
  for (let vector = 0; vector < 32; vector++) machine.stopOn.exceptions.add(vector);
  machines.set(cpu, machine);
  return machine;
}

/** A machine about to execute a NOP and the instruction: vector units enabled, registers and the page before `END` filled. */
function machineFor(instruction: string, { cpu = ALL, change = () => {} }: Setup): Pc {
  const machine = machineOf(cpu);
  const { state, memory } = machine;
  memory.load(CODE, assembled.get(instruction) ?? new Uint8Array());
  state.rip = BigInt(CODE);
  state.cr0 &= ~(Cr0.EM | Cr0.TS);
  state.cr4 |= SSE | Cr4.OSXSAVE;
  state.xcr0 = AVX_STATE;
  state.extended.vectors.forEach((_, i) => (state.extended.vectors[i] = (i * 37 + 11) & 0xff));
  memory.load(DATA, PATTERN);
  change(machine);
  return machine;
}

const vectorsOf = ({ state }: Pc): string => Buffer.from(state.extended.vectors).toString('hex');

const upTo32 = (value: (i: number) => number): number[] => Array.from({ length: 32 }, (_, i) => value(i));

const stopVector = (stop: Stop): number | undefined => (stop.reason === 'exception' ? stop.vector : undefined);

/** Executes the instruction both ways; `undefined` if it came to the UD2 behind it, else the exception it raised. */
function outcome(instruction: string, setup: Setup): { vector: Vector; faultAddress: bigint | undefined } | undefined {
  const outcomes = Object.values(WAYS).map((go) => {
    const machine = machineFor(instruction, setup);
    const before = vectorsOf(machine);
    const stop = go(machine);
    assert.equal(stop.reason, 'exception', instruction);
    if (stopVector(stop) === Number(Vector.UD) && machine.state.rip > CODE + 1) return undefined;
    assert.equal(machine.state.rip, BigInt(CODE + 1), instruction);
    assert.equal(vectorsOf(machine), before, instruction);
    assert.ok(
      PATTERN.every((byte, i) => machine.memory.bytes[DATA + i] === byte),
      instruction,
    );
    return { vector: stop.vector as Vector, faultAddress: stop.faultAddress };
  });
  assert.deepEqual(outcomes[1], outcomes[0], instruction);
  return outcomes[0];
}

/** All encodings of the maps 0F, 0F 38 and 0F 3A, legacy and VEX, with memory and with registers. */
function* encodings(): Generator<number[]> {
  const escapes = [[0x0f], [0x0f, 0x38], [0x0f, 0x3a]];
  for (const map of [1, 2, 3]) {
    for (const [pp, mandatory] of [[], [0x66], [0xf3], [0xf2]].entries()) {
      for (let opcode = 0; opcode < 256; opcode++) {
        // ModRM.reg chooses among instructions in the groups of shifts alone.
        for (let reg = 0; reg < (opcode >= 0x71 && opcode <= 0x73 ? 8 : 1); reg++) {
          // Memory with an index, for gathers, or a register.
          for (const modrm of [
            [0x04 | (reg << 3), ((reg + 1) & 7) << 3],
            [0xc1 | (reg << 3), 0],
          ]) {
            const rest = [opcode, ...modrm, 0, 0, 0, 0, 0];
            for (const rex of [[], [0x48]]) yield [...mandatory, ...rex, ...escapes[map - 1], ...rest];
            for (const vvvv of [0, (reg + 2) & 7]) {
              for (const [w, l] of [
                [0, 0],
                [0, 1],
                [1, 0],
                [1, 1],
              ]) {
                yield [0xc4, 0xe0 | map, (w << 7) | ((~vvvv & 15) << 3) | (l << 2) | pp, ...rest];
              }
            }
          }
        }
      }
    }
  }
}

describe('Vector instructions', function () {
  this.timeout(30_000);

  before(function () {
    if (!haveGnuAs()) this.skip();
  });

  it('have a meaning wherever the decoder knows them', function () {
    const described = new Map<string, Set<number>>();
    for (const { mnemonic, forms } of definitions) {
      const shapes = described.get(mnemonic) ?? new Set<number>();
      described.set(mnemonic, shapes);
      for (const form of forms) shapes.add(shapeCode(form));
    }
    const missing = new Set<string>();
    for (const bytes of encodings()) {
      const instruction = decode(Uint8Array.from(bytes), 0, bytes.length, 64);
      if (typeof instruction === 'string') continue;
      const kinds = instruction.operands.map(({ kind }) => kind);
      if (!kinds.some((kind) => kind === 'xmm' || kind === 'mmx')) continue;
      const refs = operandRefs(instruction);
      const shapes = described.get(descriptionName(instruction));
      if (!refs || !shapes?.has(shapeCode(refs))) missing.add(`${instruction.mnemonic} ${kinds.join(' ')}`);
    }
    assert.deepEqual([...missing], []);
  });

  it('are undefined without the feature they belong to', function () {
    const features = {
      SSE: ['pshufw $1, %mm1, %mm2', 'movss (%rbx), %xmm1', 'maskmovq %mm1, %mm2'],
      SSE2: ['paddq %mm1, %mm2', 'movdq2q %xmm1, %mm2', 'pshufd $1, %xmm1, %xmm2', 'movd %eax, %xmm1'],
      SSE3: ['lddqu (%rbx), %xmm1', 'movddup %xmm1, %xmm2'],
      SSSE3: ['pshufb %mm1, %mm2', 'pabsw %xmm1, %xmm2'],
      SSE4_1: [
        'pextrw $1, %xmm1, (%rbx)',
        'ptest %xmm1, %xmm2',
        'pblendvb %xmm0, %xmm1, %xmm2',
        'pinsrq $1, %rax, %xmm1',
      ],
      SSE4_2: ['pcmpgtq %xmm1, %xmm2'],
      AVX: ['vpaddb %xmm1, %xmm2, %xmm3', 'vbroadcastss (%rbx), %ymm1', 'vpermilps $1, %ymm1, %ymm2', 'vzeroupper'],
      AVX2: [
        ...['vpaddb %ymm1, %ymm2, %ymm3', 'vbroadcastss %xmm1, %xmm2', 'vpgatherdd %xmm1, (%rbx,%xmm2), %xmm3'],
        ...['vpmaskmovd (%rbx), %xmm1, %xmm2', 'vpbroadcastb %xmm1, %xmm2', 'vpsllvd %xmm1, %xmm2, %xmm3'],
      ],
    };
    prepare(Object.values(features).flat());
    const change = ({ state }: Pc): void => {
      state.gpr[Gpr.RBX] = state.gpr[Gpr.RDI] = BigInt(DATA);
      state.extended.vectors.fill(0);
    };
    for (const [feature, instructions] of Object.entries(features)) {
      for (const instruction of instructions) {
        assert.equal(outcome(instruction, { cpu: `${ALL},-${feature}`, change })?.vector, Vector.UD, instruction);
        assert.equal(outcome(instruction, { change }), undefined, instruction);
      }
    }
  });

  it('are enabled by CR0, CR4 and XCR0', function () {
    const [mmx, sse, avx] = ['paddb %mm1, %mm2', 'paddb %xmm1, %xmm2', 'vpaddb %xmm1, %xmm2, %xmm3'];
    prepare([mmx, sse, avx, 'emms', 'vzeroall']);
    const after = (instruction: string, change: (machine: Pc) => void): Vector | undefined =>
      outcome(instruction, { change })?.vector;
    const clear =
      (bits: number) =>
      ({ state }: Pc): void => {
        state.cr4 &= ~bits;
      };
    const set =
      (bits: number) =>
      ({ state }: Pc): void => {
        state.cr0 |= bits;
      };
    for (const instruction of [mmx, 'emms', sse]) assert.equal(after(instruction, set(Cr0.EM)), Vector.UD);
    for (const instruction of [mmx, 'emms', sse, avx, 'vzeroall']) {
      assert.equal(after(instruction, set(Cr0.TS)), Vector.NM, instruction);
    }
    assert.equal(after(sse, clear(Cr4.OSFXSR)), Vector.UD);
    assert.equal(after(mmx, clear(Cr4.OSFXSR)), undefined);
    assert.equal(after(avx, clear(Cr4.OSXSAVE)), Vector.UD);
    const withoutAvx = ({ state }: Pc): void => {
      state.xcr0 = 3n;
    };
    assert.equal(after(avx, withoutAvx), Vector.UD);
    assert.equal(after('vzeroall', withoutAvx), Vector.UD);
    assert.equal(after(sse, withoutAvx), undefined);
  });

  it('that are routines obey CR0 and CR4 as they are, not as they were when first executed', () => {
    const instructions = ['ldmxcsr (%rbx)', 'stmxcsr (%rbx)', 'vldmxcsr (%rbx)', 'vstmxcsr (%rbx)'];
    prepare(instructions);
    const mxcsr = (machine: Pc): void => {
      machine.memory.writeU32(END + PAGE, 0x1f80);
      machine.state.gpr[Gpr.RBX] = BigInt(END + PAGE);
    };
    const vectorAfter = (instruction: string, change: (machine: Pc) => void): Vector | undefined =>
      outcome(instruction, {
        change: (machine) => {
          mxcsr(machine);
          change(machine);
        },
      })?.vector;
    for (const instruction of instructions) {
      assert.equal(
        vectorAfter(instruction, () => {}),
        undefined,
        instruction,
      );
      const notAvailable = vectorAfter(instruction, ({ state }) => (state.cr0 |= Cr0.TS));
      assert.equal(notAvailable, Vector.NM, instruction);
      const needed = instruction.startsWith('v') ? Cr4.OSXSAVE : Cr4.OSFXSR;
      assert.equal(
        vectorAfter(instruction, ({ state }) => (state.cr4 &= ~needed)),
        Vector.UD,
        instruction,
      );
    }
  });

  it('want alignment where the manual says so', function () {
    const strict = [
      ...['movaps (%rbx), %xmm1', 'movdqa %xmm1, (%rbx)', 'paddb (%rbx), %xmm1', 'pshufd $1, (%rbx), %xmm1'],
      ...['movntdq %xmm1, (%rbx)', 'movntdqa (%rbx), %xmm1', 'psllw (%rbx), %xmm1', 'ptest (%rbx), %xmm1'],
      ...['vmovaps (%rbx), %ymm1', 'vmovdqa %ymm1, (%rbx)', 'vmovntdqa (%rbx), %ymm1', 'blendvps %xmm0, (%rbx), %xmm1'],
    ];
    const free = [
      ...['movups (%rbx), %xmm1', 'movdqu %xmm1, (%rbx)', 'lddqu (%rbx), %xmm1', 'vpaddb (%rbx), %xmm1, %xmm2'],
      ...['vmovdqu %ymm1, (%rbx)', 'vpshufd $1, (%rbx), %ymm1', 'vptest (%rbx), %ymm1', 'pmovsxbw (%rbx), %xmm1'],
      ...['vinserti128 $1, (%rbx), %ymm1, %ymm2', 'vpsllw (%rbx), %ymm1, %ymm2', 'movhps (%rbx), %xmm1'],
    ];
    prepare([...strict, ...free]);
    const at = (address: number) => ({
      change: ({ state }: Pc): void => {
        state.gpr[Gpr.RBX] = BigInt(address);
      },
    });
    for (const instruction of strict) {
      assert.equal(outcome(instruction, at(DATA + 0x21))?.vector, Vector.GP, instruction);
      const sixteen = outcome(instruction, at(DATA + 0x30))?.vector;
      assert.equal(sixteen, instruction.includes('ymm') ? Vector.GP : undefined, instruction);
      assert.equal(outcome(instruction, at(DATA + 0x40)), undefined, instruction);
    }
    for (const instruction of free) assert.equal(outcome(instruction, at(DATA + 0x21)), undefined, instruction);
  });

  it('access exactly the bytes of their operand', function () {
    const operands: readonly (readonly [instruction: string, bytes: number])[] = [
      ['movss (%rbx), %xmm1', 4],
      ['movsd %xmm1, (%rbx)', 8],
      ['movlps (%rbx), %xmm1', 8],
      ['movhpd %xmm1, (%rbx)', 8],
      ['movd (%rbx), %xmm1', 4],
      ['movq (%rbx), %xmm1', 8],
      ['movq %xmm1, (%rbx)', 8],
      ['movd %mm1, (%rbx)', 4],
      ['movq (%rbx), %mm1', 8],
      ['movddup (%rbx), %xmm1', 8],
      ['punpcklbw (%rbx), %mm1', 4],
      ['punpckhbw (%rbx), %mm1', 8],
      ['pinsrb $1, (%rbx), %xmm1', 1],
      ['pinsrw $1, (%rbx), %xmm1', 2],
      ['pinsrw $1, (%rbx), %mm1', 2],
      ['pextrb $1, %xmm1, (%rbx)', 1],
      ['pextrw $1, %xmm1, (%rbx)', 2],
      ['pextrq $1, %xmm1, (%rbx)', 8],
      ['extractps $1, %xmm1, (%rbx)', 4],
      ['insertps $0x40, (%rbx), %xmm1', 4],
      ['pmovzxbq (%rbx), %xmm1', 2],
      ['pmovsxbd (%rbx), %xmm1', 4],
      ['vpmovzxbq (%rbx), %ymm1', 4],
      ['vpmovsxwd (%rbx), %ymm1', 16],
      ['vpbroadcastb (%rbx), %ymm1', 1],
      ['vpbroadcastw (%rbx), %xmm1', 2],
      ['vbroadcastsd (%rbx), %ymm1', 8],
      ['vbroadcasti128 (%rbx), %ymm1', 16],
      ['vextracti128 $1, %ymm1, (%rbx)', 16],
      ['vpsrld (%rbx), %ymm1, %ymm2', 16],
      ['movups (%rbx), %xmm1', 16],
      ['vmovups %ymm1, (%rbx)', 32],
      ['vpaddb (%rbx), %ymm1, %ymm2', 32],
    ];
    prepare(operands.map(([instruction]) => instruction));
    for (const [instruction, bytes] of operands) {
      const at = (address: number) => ({
        change: ({ state }: Pc): void => {
          state.gpr[Gpr.RBX] = BigInt(address);
        },
      });
      assert.equal(outcome(instruction, at(END - bytes)), undefined, instruction);
      const fault = { vector: Vector.PF, faultAddress: BigInt(END) };
      assert.deepEqual(outcome(instruction, at(END - bytes + 1)), fault, instruction);
    }
  });

  it('reach what is no memory with all of their bytes', function () {
    const [load, store] = ['vmovdqu (%rbx), %ymm1', 'vmovdqu %ymm2, (%rbx)'];
    prepare([load, store]);
    const memoryEnd = machineOf(ALL).memory.bytes.length;
    for (const address of [memoryEnd + PAGE, memoryEnd - 16]) {
      const inMemory = Math.max(0, memoryEnd - address);
      const start = (instruction: string): Pc => {
        const machine = machineFor(instruction, {});
        machine.state.gpr[Gpr.RBX] = BigInt(address);
        machine.memory.load(memoryEnd - 16, new Uint8Array(16).fill(0x5a));
        assert.equal(stopVector(machine.run(10)), Vector.UD);
        return machine;
      };
      // Where nothing answers ones are read.
      const loaded = start(load).state.extended.vectors.slice(32, 64);
      assert.deepEqual(
        [...loaded],
        upTo32((i) => (i < inMemory ? 0x5a : 0xff)),
      );
      const { memory, state } = start(store);
      const stored = memory.bytes.slice(memoryEnd - 16);
      assert.deepEqual(stored.slice(0, inMemory), state.extended.vectors.slice(64, 64 + inMemory));
    }
  });

  it('leave memory alone that their mask leaves out', function () {
    const [load, store] = ['vmaskmovps (%rbx), %ymm1, %ymm2', 'vpmaskmovq %ymm2, %ymm1, (%rbx)'];
    prepare([load, store]);
    const setup = (selected: readonly number[], width: number) => ({
      change: ({ state }: Pc): void => {
        state.gpr[Gpr.RBX] = BigInt(END - 16);
        const { vectors } = state.extended;
        vectors.fill(0, 32, 64);
        for (const element of selected) vectors[32 + width * (element + 1) - 1] = 0x80;
      },
    });
    assert.equal(outcome(load, setup([0, 3], 4)), undefined);
    assert.deepEqual(outcome(load, setup([0, 5, 7], 4)), { vector: Vector.PF, faultAddress: BigInt(END + 4) });
    assert.equal(outcome(store, setup([0, 1], 8)), undefined);
    assert.deepEqual(outcome(store, setup([0, 1, 3], 8)), { vector: Vector.PF, faultAddress: BigInt(END + 8) });
  });

  it('keep what has been gathered before a fault', function () {
    const instruction = 'vpgatherdd %ymm1, (%rbx,%ymm2,4), %ymm3';
    prepare([instruction]);
    for (const go of Object.values(WAYS)) {
      const machine = machineFor(instruction, {});
      const { state } = machine;
      const { vectors } = state.extended;
      const words = new DataView(vectors.buffer, vectors.byteOffset, vectors.byteLength);
      const element = (register: number, i: number): number => words.getUint32(32 * register + 4 * i, true);
      const word = (offset: number): number => new DataView(PATTERN.buffer).getUint32(offset, true);
      state.gpr[Gpr.RBX] = BigInt(DATA);
      vectors.fill(0xff, 32, 64); // all elements
      words.setUint32(32 + 4, 0x7fffffff, true); // but the second
      for (let i = 0; i < 8; i++) words.setUint32(64 + 4 * i, i === 4 ? PAGE / 4 : 10 * i, true);
      const before = Array.from({ length: 8 }, (_, i) => element(3, i));
      const stop = go(machine);
      assert.equal(stopVector(stop), Vector.PF);
      for (let i = 0; i < 8; i++) {
        const gathered = i < 4 && i !== 1;
        const expected = gathered ? word(40 * i) : before[i];
        assert.equal(element(3, i), expected, `element ${i}`);
        assert.equal(element(1, i) >>> 31, i > 3 ? 1 : 0, `mask ${i}`);
      }
      // With another base it goes on and completes.
      state.gpr[Gpr.RBX] -= 4n;
      assert.equal(stopVector(go(machine)), Vector.UD);
      assert.equal(element(3, 4), word(PAGE - 4));
      assert.equal(
        vectors.slice(32, 64).every((byte) => byte === 0),
        true,
      );
    }
  });
});
