/** Machines that run a random program on a kernel, in 64-bit mode. */
import { createMachine, Efer, Seg, type EngineStages } from '../../../emulator';
import type { Pc } from '../../../emulator/pc';
import { Random } from '../random';
import * as at from './guest-layout';
import { kernelSource, VECTORS } from './kernel';
import { assembled, type AssembledCode } from './assembled';
import { Program } from './program';
import { memoryDifference, type Subject } from './subject';

const GATE_DPL_3 = 3n;
const INTERRUPT_GATE = 0x8en;
const ACCESSED = 0x20n;

/** Everything a machine is made of, so that equal ones can be made. */
interface Guest {
  readonly kernel: AssembledCode;
  readonly program: AssembledCode;
  readonly aliases: readonly AssembledCode[];
  readonly source: string;
}

/** The guest that belongs to a number, always the same. */
function guest(seed: number): Guest {
  const random = new Random(seed ^ 0x5eed);
  const timerCounts = random.pick([2, 3, 7, 20, 1000]);
  const source = new Program(seed).source();
  return {
    kernel: assembled('kernel', kernelSource(timerCounts, random.chance(50) ? 0 : 3)),
    program: assembled('program', source),
    aliases: Array.from({ length: at.ALIAS_PAGES }, (_, i) =>
      assembled('alias', new Program(seed * at.ALIAS_PAGES + i).aliasSource()),
    ),
    source,
  };
}

/** A machine about to execute the kernel's first instruction. */
function machineFor({ kernel, program, aliases }: Guest, engine: EngineStages): Pc {
  const machine = createMachine({ memoryBytes: at.MEMORY_BYTES, engine });
  const { memory, state } = machine;
  const tables = at.PAGE_TABLES;
  const link = 7n;
  memory.writeU64(tables, BigInt(tables + 0x1000) | link);
  memory.writeU64(tables + 0x1000, BigInt(tables + 0x2000) | link);
  memory.writeU64(tables + 0x2000, BigInt(at.PAGE_TABLE) | link);
  for (let va = 0; va < 0x200000; va += 0x1000) {
    let pa = va;
    if (va === at.ALIAS) pa = at.ALIASED;
    if (va === at.ALIAS + 0x1000) pa = at.AFTER_ALIAS;
    memory.writeU64(at.PAGE_TABLE + (va >> 12) * 8, BigInt(pa) | at.rights(va));
  }
  memory.load(at.KERNEL, kernel.bytes);
  memory.load(at.PROGRAM, program.bytes);
  aliases.forEach(({ bytes }, i) => memory.load(at.ALIASED + 0x1000 * i, bytes.subarray(0, 0x1000)));
  // What the last instruction of the page before it ends with, then RET.
  memory.load(
    at.AFTER_ALIAS,
    Uint8Array.from({ length: 64 }, (_, i) => (i < 9 ? 0x90 : 0xc3)),
  );

  at.DESCRIPTORS.forEach((descriptor, i) => memory.writeU64(at.GDT + 8 * i, descriptor));
  for (const vector of VECTORS) {
    const target = BigInt(at.KERNEL + (kernel.labels.get(`gate${vector}`) ?? 0));
    const open = vector >= 32 || vector === 3 || vector === 4;
    const type = INTERRUPT_GATE | (open ? GATE_DPL_3 << 5n : 0n);
    const [low, high] = [target & 0xffffn, target >> 16n];
    memory.writeU64(
      at.IDT + 16 * vector,
      low | (BigInt(at.KERNEL_CODE) << 16n) | (1n << 32n) | (type << 40n) | (high << 48n),
    );
  }
  memory.writeU64(at.TSS + 4, BigInt(at.INTERRUPT_STACK));
  memory.writeU64(at.TSS + 36, BigInt(at.INTERRUPT_STACK));
  Object.assign(state.gdtr, { base: BigInt(at.GDT), limit: 8 * at.DESCRIPTORS.length - 1 });
  Object.assign(state.idtr, { base: BigInt(at.IDT), limit: 0xfff });
  Object.assign(state.tr, { selector: at.TSS_SELECTOR, base: BigInt(at.TSS), limit: 0x67, rights: 0x8b });
  state.segments.forEach((segment, i) => {
    const code = i === Number(Seg.CS);
    Object.assign(segment, { selector: code ? at.KERNEL_CODE : at.KERNEL_DATA, base: 0n, limit: 0xffffffff });
    segment.rights = code ? 0xa09b : 0xc093;
  });
  state.cr3 = BigInt(tables);
  state.cr4 = 0x6b0;
  state.efer = Efer.SCE | Efer.LME | Efer.LMA | Efer.NXE;
  state.cr0 = 0x80050033;
  state.star = (0x23n << 48n) | (BigInt(at.KERNEL_CODE) << 32n);
  state.lstar = BigInt(at.KERNEL + (kernel.labels.get('system_call') ?? 0));
  state.fmask = 0x47700n;
  state.rip = BigInt(at.KERNEL + (kernel.labels.get('start') ?? 0));
  state.gpr[4] = BigInt(at.SYSCALL_STACK);
  const random = new Random(program.bytes.length);
  for (let i = 0; i < 16; i++) if (i !== 4) state.gpr[i] = random.operand();
  return machine;
}

/** The guest that belongs to a number, in 64-bit mode with paging. */
export function longModeSubject(seed: number): Subject {
  const made = guest(seed);
  const { program, kernel, aliases } = made;
  return {
    machine: (engine) => machineFor(made, engine),
    addresses: [
      ...program.offsets.map((offset) => at.PROGRAM + offset),
      ...kernel.offsets.map((offset) => at.KERNEL + offset),
      ...aliases[0].offsets.map((offset) => at.ALIAS + offset),
    ],
    data: (random) => random.pick([at.DATA + random.below(0x3000), at.STACK_TOP - 8 * random.below(4), at.ALIAS]),
    difference: (a, b) => {
      // Fetches ahead may set Accessed bits early.
      for (let pa = at.PAGE_TABLE; pa < at.PAGE_TABLE + 0x1000; pa += 8) {
        if ((a.memory.readU64(pa) ^ b.memory.readU64(pa)) & ~ACCESSED) return pa;
      }
      return memoryDifference(a, b, at.IDT, at.ALIAS);
    },
  };
}
