import assert from 'node:assert/strict';
import {
  createMachine,
  ENGINE_STAGES,
  Gpr,
  MachineError,
  Vector,
  type EngineStages,
  type Stop,
} from '../../../emulator';
import type { Pc } from '../../../emulator/pc';
import { assemble } from '../../../toolchain';
import { CODE, machineWith } from './support';

const HLT = 0xf4;
const PAGE = 0x1000;
const [PRESENT, WRITABLE, LARGE] = [1n, 2n, 0x80n];
/** Page directory of `machineWith`, and a page table for the 2 MiB from `HOLES` on. */
const DIRECTORY = 0x3000;
const TABLE = 0x6000;
const HOLES = 0x400000;

function code(text: string): Uint8Array {
  const { module, diagnostics } = assemble({ path: 'code.s', text: `${text}\n` }, {});
  const section = module?.sections.find(({ name }) => name === '.text');
  assert.ok(section, diagnostics[0]?.message);
  return section.data;
}

/** A machine that stops at every exception; `HOLES` and the pages after it are mapped where `rights` says so. */
function machine(bytes: Uint8Array, engine: EngineStages, rights: readonly bigint[] = []): Pc {
  const made = machineWith(bytes, { engine });
  for (let vector = 0; vector < 32; vector++) made.stopOn.exceptions.add(vector);
  made.memory.writeU64(DIRECTORY + 8 * (HOLES >> 21), BigInt(TABLE) | PRESENT | WRITABLE);
  rights.forEach((right, i) => made.memory.writeU64(TABLE + 8 * i, BigInt(HOLES + PAGE * i) | right));
  return made;
}

const NAMES: Readonly<Record<number, string>> = { [Vector.UD]: 'UD', [Vector.GP]: 'GP', [Vector.PF]: 'PF' };

/** What it stops with: name, error code and address of an exception. */
function exception(stop: Stop): string {
  return stop.reason === 'exception'
    ? [NAMES[stop.vector], stop.errorCode?.toString(16), stop.faultAddress?.toString(16)]
        .filter((part) => part !== undefined)
        .join(' ')
    : stop.reason;
}

for (const engine of ENGINE_STAGES) {
  describe(`Bad input to a guest's processor (${engine})`, () => {
    const answer = (bytes: readonly number[]): string => {
      const made = machine(Uint8Array.of(0x90, ...bytes, ...Array<number>(16).fill(HLT)), engine);
      const stop = made.run(100);
      if (stop.reason === 'exception') assert.equal(made.state.rip, BigInt(CODE + 1));
      return exception(stop);
    };

    it('undefined opcodes raise #UD', () => {
      const undefinedOpcodes = [
        [0x06],
        [0x0f, 0xff, 0xc0],
        [0x0f, 0x0b],
        [0x0f, 0xb9, 0xc0],
        [0x0f, 0x04],
        [0x0f, 0x38, 0xff, 0xc0],
        [0x0f, 0x3a, 0xff, 0xc0, 0],
        [0xff, 0xff],
        [0xfe, 0xd0],
        [0x8f, 0xc8],
        [0xc6, 0xc8, 0],
        [0x8d, 0xc0],
        [0x8e, 0xc8],
        [0x0f, 0xc7, 0xc0],
        // EVEX, and VEX with a REX prefix.
        [0x62, 0xf1, 0x7c, 0x48, 0x58, 0xc1],
        [0x48, 0xc5, 0xf8, 0x58, 0xc1],
      ];
      for (const bytes of undefinedOpcodes) assert.equal(answer(bytes), 'UD', Buffer.from(bytes).toString('hex'));
    });

    it('LOCK raises #UD where nothing is to be locked', () => {
      assert.equal(answer([0xf0, 0x90]), 'UD');
      assert.equal(answer([0xf0, 0x01, 0xc0]), 'UD');
      assert.equal(answer([0xf0, 0x8b, 0x03]), 'UD');
      assert.equal(answer([0xf0, 0x39, 0x03]), 'UD');
      assert.equal(answer([0xf0, 0x0f, 0xa3, 0x03]), 'UD');
    });

    it('prefixes without a meaning do nothing, and 15 bytes are the most', () => {
      const prefixes = (count: number): number[] => [...Array<number>(count).fill(0x66), 0x90];
      assert.equal(answer([0xf3, 0xf2, 0x2e, 0x48, 0x89, 0xc0]), 'halt');
      // A REX prefix counts only right in front of the opcode.
      assert.equal(answer([0x48, 0x66, 0x90]), 'halt');
      assert.equal(answer(prefixes(14)), 'halt');
      assert.equal(answer(prefixes(15)), 'GP 0');
    });

    it('control at an address that is not canonical, not mapped or not RAM', () => {
      const far = machine(code('movabs $0x800000000000, %rax\n jmp *%rax'), engine);
      assert.equal(exception(far.run(100)), 'GP 0');
      const unmapped = machine(code(`mov $${HOLES}, %eax\n jmp *%rax`), engine, [0n]);
      assert.equal(exception(unmapped.run(100)), `PF 0 ${HOLES.toString(16)}`);
      assert.equal(unmapped.state.rip, BigInt(HOLES));
      // Nobody answers beyond the RAM: all ones, which is no instruction.
      const beyond = machine(code('mov $0x3000000, %eax\n jmp *%rax'), engine);
      assert.equal(exception(beyond.run(100)), 'UD');
      assert.equal(beyond.state.rip, 0x3000000n);
    });

    it('an instruction that reaches into a page that is not mapped faults there, and runs once it is', () => {
      const made = machine(code(`mov $${HOLES + PAGE - 3}, %eax\n jmp *%rax`), engine, [PRESENT | WRITABLE, 0n]);
      // MOV EAX, imm32 whose last two bytes are in the second page.
      made.memory.load(HOLES + PAGE - 3, Uint8Array.of(0xb8, 0x78, 0x56, 0x34, 0x12, HLT));
      assert.equal(exception(made.run(100)), `PF 0 ${(HOLES + PAGE).toString(16)}`);
      assert.equal(made.state.rip, BigInt(HOLES + PAGE - 3));
      made.memory.writeU64(TABLE + 8, BigInt(HOLES + PAGE) | PRESENT);
      assert.equal(exception(made.run(100)), 'halt');
      assert.equal(made.state.gpr[Gpr.RAX], 0x12345678n);
    });

    it('an instruction across two pages that changes in either of them', () => {
      const at = HOLES + PAGE - 3;
      const text = code(`
          xor %esi, %esi
          mov $600, %ecx
        1: mov $${at}, %eax
          call *%rax
          add %rax, %rsi
          incb ${at + 1}
          incb ${at + 4}
          dec %ecx
          jnz 1b
          hlt`);
      const made = machine(text, engine, [PRESENT | WRITABLE, PRESENT | WRITABLE]);
      made.memory.load(at, Uint8Array.of(0xb8, 0, 0, 0, 0, 0xc3));
      assert.equal(exception(made.run(1_000_000)), 'halt');
      let sum = 0n;
      for (let round = 0; round < 600; round++) sum += (BigInt(round & 0xff) << 24n) | BigInt(round & 0xff);
      assert.equal(made.state.gpr[Gpr.RSI], sum);
    });

    it('atomic operations that are not aligned, across lines and pages', () => {
      const at = HOLES + PAGE - 3;
      const text = code(`
          mov $${at}, %ebx
          mov $300, %ecx
        1: mov $0x100000001, %rax
          lock xaddq %rax, (%rbx)
          lock addl $1, -60(%rbx)
          lock btsw $3, 2(%rbx)
          mov (%rbx), %rax
          lea 2(%rax), %rdx
          lock cmpxchgq %rdx, (%rbx)
          jne 2f
          dec %ecx
          jnz 1b
        2: hlt`);
      const open = PRESENT | WRITABLE;
      const made = machine(text, engine, [open, open]);
      assert.equal(exception(made.run(100_000)), 'halt');
      assert.equal(made.state.gpr[Gpr.RCX], 0n);
      assert.equal(made.memory.readU32(at - 60), 300);
      let value = 0n;
      for (let round = 0; round < 300; round++) value = ((value + 0x100000001n) | (1n << 19n)) + 2n;
      assert.equal(made.memory.readU64(at), value);

      // The second page cannot be written: nothing has changed in the first.
      for (const [right, error] of [
        [0n, 2],
        [PRESENT, 3],
      ] as const) {
        const faulting = machine(text, engine, [open, right]);
        const stop = faulting.run(1000);
        assert.equal(exception(stop), `PF ${error} ${(HOLES + PAGE).toString(16)}`);
        assert.equal(faulting.state.gpr[Gpr.RAX], 0x100000001n);
        assert.equal(faulting.memory.readU32(at - 1), 0);
      }
    });

    it('CMPXCHG16B and aligned vector moves that are not aligned raise #GP', () => {
      assert.equal(exception(machine(code('mov $0x50008, %ebx\n cmpxchg16b (%rbx)'), engine).run(100)), 'GP 0');
      const vector = machine(code('mov $0x50008, %ebx\n movaps (%rbx), %xmm1'), engine);
      vector.state.cr4 |= 0x600;
      assert.equal(exception(vector.run(100)), 'GP 0');
    });

    for (const megabytes of [1, 3072]) {
      it(`${megabytes} MiB of RAM, used to its last byte and asked for more`, () => {
        const bytes = megabytes * 2 ** 20;
        const made = createMachine({ memoryBytes: bytes, engine });
        const { memory, state } = made;
        const from = machineWith(new Uint8Array(), {});
        state.segments.forEach((segment, i) => Object.assign(segment, from.state.segments[i]));
        for (const [table, next] of [
          [0x1000, 0x2000],
          [0x2000, 0x3000],
        ]) {
          memory.writeU64(table, BigInt(next) | PRESENT | WRITABLE);
        }
        // The 2 MiB around the end, and the first, of which the program needs the lower half.
        memory.writeU64(0x3000, PRESENT | WRITABLE | LARGE);
        const end = BigInt(bytes);
        const window = 0x40000000n;
        memory.writeU64(0x2008, 0x4000n | PRESENT | WRITABLE);
        const first = end - 0x200000n > 0n ? end - 0x200000n : 0n;
        memory.writeU64(0x4000, first | PRESENT | WRITABLE | LARGE);
        memory.writeU64(0x4008, (first + 0x200000n) | PRESENT | WRITABLE | LARGE);
        const last = window + end - first;
        memory.load(
          0x8000,
          code(`
            mov $${last}, %ebx
            mov $0x1122334455667788, %rax
            mov %rax, -8(%rbx)
            incq -8(%rbx)
            mov (%rbx), %rcx
            mov %rax, (%rbx)
            mov -4(%rbx), %rdx
            mov %rax, -4(%rbx)
            lea -1(%rbx), %rdi
            mov $16, %ecx
            rep stosb
            movb $${HLT}, -1(%rbx)
            lea -1(%rbx), %rsi
            jmp *%rsi`),
        );
        Object.assign(state, { cr3: 0x1000n, cr4: 0x20, efer: 0x500, cr0: 0x80010031 });
        state.rip = 0x8000n;
        state.gpr[Gpr.RSP] = 0x7000n;
        assert.deepEqual(made.run(1000), { reason: 'halt' });
        assert.equal(state.rip, last);
        assert.equal(memory.readU32(bytes - 8), 0x55667789);
        // What nobody answers reads as ones.
        assert.equal(state.gpr[Gpr.RDX], 0xffffffff11223344n);
      });
    }
  });
}

describe('Sizes of RAM that cannot be', () => {
  const sizes = [0, -4096, 4096, 2 ** 20 - 4096, 2 ** 20 + 1, 3 * 2 ** 30 + 4096, 2 ** 40, NaN, Infinity];
  for (const memoryBytes of sizes) {
    it(`${memoryBytes} bytes`, () => {
      assert.throws(() => createMachine({ memoryBytes }), MachineError);
    });
  }
});
