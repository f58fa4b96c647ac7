/** What the engine remembers of page tables, and when it must forget. */
import assert from 'node:assert/strict';
import { CODE, machineWith } from './support';

const PAGE_DIRECTORY = 0x3000;
/** Virtual address of a 2 MiB page, and where it is mapped before and after. */
const VA = 0x800000;
const [BEFORE, AFTER] = [0xa00000, 0xc00000];
const OFFSET = 0x5678;
const LARGE_WRITABLE = 0x83n;

/** movl OFFSET(%rbx), %eax; invlpg (%rbx); movl OFFSET(%rbx), %ecx; jmp . */
const CODE_BYTES = [0x8b, 0x83, 0x78, 0x56, 0, 0, 0x90, 0x0f, 0x01, 0x3b, 0x8b, 0x8b, 0x78, 0x56, 0, 0, 0xeb, 0xfe];

describe('Translations', () => {
  for (const engine of ['interpreter', 'compiled'] as const) {
    it(`of all of a large page are forgotten by INVLPG of any address in it (${engine})`, () => {
      const machine = machineWith(new Uint8Array(CODE_BYTES), { engine });
      const { memory, state } = machine;
      memory.writeU64(PAGE_DIRECTORY + 8 * (VA >> 21), BigInt(BEFORE) | LARGE_WRITABLE);
      memory.writeU32(BEFORE + OFFSET, 0x11111111);
      memory.writeU32(AFTER + OFFSET, 0x22222222);
      state.gpr[3] = BigInt(VA);
      machine.addBreakpoint(BigInt(CODE + 6));
      machine.run(1000);
      assert.equal(state.gpr[0], 0x11111111n);
      memory.writeU64(PAGE_DIRECTORY + 8 * (VA >> 21), BigInt(AFTER) | LARGE_WRITABLE);
      machine.run(1000);
      assert.equal(state.gpr[1], 0x22222222n);
    });

    it(`of large pages that hold code are forgotten too (${engine})`, () => {
      // call *%rbx; invlpg (%rsi); call *%rbx; jmp . -- where %rbx points into the page: mov $n, %al; ret
      const code = [0xff, 0xd3, 0x88, 0xc1, 0x90, 0x0f, 0x01, 0x3e, 0xff, 0xd3, 0xeb, 0xfe];
      const machine = machineWith(new Uint8Array(code), { engine });
      const { memory, state } = machine;
      memory.writeU64(PAGE_DIRECTORY + 8 * (VA >> 21), BigInt(BEFORE) | LARGE_WRITABLE);
      memory.load(BEFORE + OFFSET, new Uint8Array([0xb0, 1, 0xc3]));
      memory.load(AFTER + OFFSET, new Uint8Array([0xb0, 2, 0xc3]));
      state.gpr[3] = BigInt(VA + OFFSET);
      state.gpr[6] = BigInt(VA + 0x1ff000);
      machine.addBreakpoint(BigInt(CODE + 4));
      machine.run(1000);
      assert.equal(state.gpr[1] & 0xffn, 1n);
      memory.writeU64(PAGE_DIRECTORY + 8 * (VA >> 21), BigInt(AFTER) | LARGE_WRITABLE);
      machine.run(1000);
      assert.equal(state.gpr[0] & 0xffn, 2n);
    });
  }
});
