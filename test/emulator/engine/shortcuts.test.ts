/**
 * Privileged instructions that generated code carries out by itself where it can: from random states it must come to what
 * their architectural routines come to, by which single steps are executed.
 */
import assert from 'node:assert/strict';
import type { Stop } from '../../../emulator';
import { Efer, Flag } from '../../../emulator/cpu/state';
import type { EngineStages } from '../../../emulator/engine/generated-code';
import { Gpr, Seg } from '../../../emulator/isa/instruction';
import type { Pc } from '../../../emulator/pc';
import { Random } from '../../oracles/random';
import { CODE, machineWith } from './support';

/** Where SYSCALL, and SYSRET, go: like the code after the instruction itself they read (RBX), then loop. */
const KERNEL = CODE + 0x1000;
const USER = CODE + 0x2000;
const DATA = 0x400000;
const SUPERVISOR_DATA = 0x600000;
const COUNT = 120;
/** Instructions before the one in question. */
const BEFORE = 3;

const READ = [0x48, 0x8b, 0x13];
const LOOP = [0xeb, 0xfe];

const INSTRUCTIONS: Readonly<Record<string, readonly number[]>> = {
  SYSCALL: [0x0f, 0x05],
  SYSRETQ: [0x48, 0x0f, 0x07],
  SYSRETL: [0x0f, 0x07],
  SWAPGS: [0x0f, 0x01, 0xf8],
  CLI: [0xfa],
  STI: [0xfb],
  CLAC: [0x0f, 0x01, 0xca],
  STAC: [0x0f, 0x01, 0xcb],
  IRETQ: [0x48, 0xcf],
  POPFQ: [0x9d],
  POPFW: [0x66, 0x9d],
};

const CR4 = { PVI: 1 << 1, SMAP: 1 << 21, OSFXSR: 1 << 9 };
const CR0_AM = 1 << 18;
const RING_3 = 3 << 5;
/** All but RF and VM. */
const FLAGS = 0x3c7fd7;

/** A machine in the state that belongs to `seed`, about to execute `code` after a read and some arithmetic. */
function machineIn(seed: number, code: readonly number[], engine: EngineStages): Pc {
  const random = new Random(seed);
  const cpu = random.pick(['generic', 'intel', 'amd', 'intel,-SMAP']);
  // ADD sets the flags that the instruction saves or keeps.
  const machine = machineWith(new Uint8Array([0x90, ...READ, 0x4d, 0x01, 0xf0, ...code, ...READ, ...LOOP]), {
    cpu,
    engine,
  });
  const { memory, state, stopOn } = machine;
  for (const place of [KERNEL, USER]) memory.load(place, new Uint8Array([...READ, ...LOOP]));
  memory.writeU64(0x3000 + 8 * 3, BigInt(SUPERVISOR_DATA) | 0x83n);
  for (let i = 0; i < 16; i++) state.gpr[i] = random.operand();
  const user = random.chance(code === INSTRUCTIONS.IRETQ ? 10 : 35);
  const data = user || random.chance(30) ? DATA : SUPERVISOR_DATA;
  state.gpr[Gpr.RBX] = BigInt(data + (random.chance(80) ? 0 : random.below(0x1000)));
  const targets = [USER, USER, USER, USER, USER, USER, 0x8000_0000_0000, 0xffff_8000_0000_0000];
  state.gpr[Gpr.RCX] = BigInt(random.pick(targets));
  state.gpr[Gpr.R11] = random.chance(90) ? state.gpr[Gpr.R11] & ~BigInt(Flag.TF) : state.gpr[Gpr.R11];
  state.gpr[Gpr.RSP] = BigInt((user || random.chance(20) ? DATA : SUPERVISOR_DATA) + 0x800 + 8 * random.below(64));
  const image = random.bits64();
  memory.writeU64(Number(state.gpr[Gpr.RSP]), random.chance(90) ? image & ~BigInt(Flag.TF) : image);

  if (code === INSTRUCTIONS.IRETQ) returnFrame(machine, random, user);
  state.cr0 |= random.chance(50) ? CR0_AM : 0;
  for (const bit of [CR4.PVI, CR4.OSFXSR]) if (random.chance(50)) state.cr4 |= bit;
  if (machine.cpu.model.features.has('SMAP') && random.chance(70)) state.cr4 |= CR4.SMAP;
  state.efer |= random.chance(90) ? Efer.SCE : 0;
  state.star = random.bits64();
  state.lstar = BigInt(KERNEL);
  state.fmask = random.pick([random.bits64(), 0x47700n, 0n]);
  state.kernelGsBase = random.bits64() >> 17n;
  for (const seg of [Seg.SS, Seg.GS]) {
    Object.assign(state.segments[seg], { selector: random.below(0x10000), limit: random.next() });
  }
  if (user) {
    state.cpl = 3;
    for (const segment of state.segments) segment.rights |= RING_3;
  }
  state.rflags = (random.next() & FLAGS & ~Flag.TF) | Flag.FIXED;
  if (random.chance(10)) state.rflags |= Flag.RF;
  stopOn.systemCallEntry = random.chance(10);
  stopOn.systemCallExit = random.chance(10);
  for (let vector = 0; vector < 32; vector++) stopOn.exceptions.add(vector);
  if (random.chance(10)) machine.addDataBreakpoint({ va: BigInt(data), length: 1, access: 'write' });
  return machine;
}

/** What IRETQ finds on the stack, which mostly is a frame to return by, and the descriptors that it names. */
function returnFrame({ memory, state }: Pc, random: Random, user: boolean): void {
  DESCRIPTORS.forEach((descriptor, i) => memory.writeU64(GDT + 8 * i, descriptor));
  Object.assign(state.gdtr, { base: BigInt(GDT), limit: random.chance(90) ? 8 * DESCRIPTORS.length - 1 : 0x1f });
  const frame = Number(state.gpr[Gpr.RSP]);
  const [code, stack] = random.pick([...RETURNS, ...RETURNS, [random.below(0x60), random.below(0x60)]]);
  memory.writeU64(frame, random.chance(90) ? BigInt(USER) : state.gpr[Gpr.RCX]);
  memory.writeU64(frame + 8, (random.bits64() & ~0xffffn) | BigInt(code));
  memory.writeU64(frame + 16, random.bits64() & (random.chance(90) ? BigInt(FLAGS & ~Flag.TF) : ~0n));
  memory.writeU64(frame + 24, random.bits64());
  memory.writeU64(frame + 32, BigInt(stack));
  for (const seg of [Seg.ES, Seg.FS]) {
    if (random.chance(80)) Object.assign(state.segments[seg], { rights: 0x10000, selector: random.below(4) });
  }
  for (const seg of [Seg.DS, Seg.GS]) if (random.chance(80) && !user) state.segments[seg].rights |= RING_3;
  if (random.chance(80)) state.rflags &= ~(Flag.NT | Flag.AC);
}

const GDT = SUPERVISOR_DATA + 0x10000;
const DESCRIPTORS = [
  ...[0n, 0x00af9b000000ffffn, 0x00cf93000000ffffn, 0x00affb000000ffffn, 0x00cff3000000ffffn],
  // Conforming, not accessed, 32-bit, not present, with a base and a limit; data that is read-only.
  ...[0x00af9f000000ffffn, 0x00affa000000ffffn, 0x00cffb000000ffffn, 0x00af1b000000ffffn, 0x01affb0000001234n],
  ...[0x00cff1000000ffffn, 0x00cff2000000ffffn],
];
/** Selectors of CS and SS that go together. */
const RETURNS = [
  ...[
    [0x08, 0x10],
    [0x08, 0],
    [0x1b, 0x23],
    [0x1b, 0x23],
    [0x33, 0x23],
    [0x4b, 0x23],
    [0x1b, 0x5b],
  ],
  ...[
    [0x28, 0x10],
    [0x3b, 0x23],
    [0x1b, 0],
    [0x1b, 0x53],
  ],
];

function allOf({ state, instructionCount }: Pc, stop: Stop): Record<string, unknown> {
  const { rip, rflags, cpl, cr0, cr4, star, lstar, fmask, kernelGsBase, interruptShadow } = state;
  return {
    ...{ rip, rflags, cpl, cr0, cr4, star, lstar, fmask, kernelGsBase, interruptShadow, instructionCount, stop },
    gpr: [...state.gpr],
    segments: state.segments.map(({ selector, base, limit, rights }) => ({ selector, base, limit, rights })),
  };
}

function stepped(machine: Pc): Stop {
  let stop: Stop;
  do stop = machine.step().stop;
  while (stop.reason === 'limit' && machine.instructionCount < COUNT);
  return stop;
}

describe('Privileged instructions in generated code', () => {
  for (const [name, code] of Object.entries(INSTRUCTIONS)) {
    it(`${name} does what its architectural routine does`, function () {
      this.timeout(60_000);
      let completed = 0;
      for (let seed = 1; seed <= 16; seed++) {
        const alone = machineIn(seed, code, 'interpreter');
        const expected = allOf(alone, stepped(alone));
        if (alone.instructionCount > BEFORE) completed++;
        const engine = seed % 2 ? 'interpreter' : 'compiled';
        const machine = machineIn(seed, code, engine);
        assert.deepEqual(allOf(machine, machine.run(COUNT)), expected, `seed ${seed}, ${engine}`);
      }
      assert.ok(completed > 3, `${completed} of the states allow it`);
    });
  }
});
