/** A processor without an engine: memory, bus and state, enough to call architectural routines one by one. */
import { RAM } from '../../../emulator/engine/layout';
import type { Cpu } from '../../../emulator/cpu/cpu';
import { parseCpuModel } from '../../../emulator/cpu/model-name';
import { GuestException } from '../../../emulator/cpu/exceptions';
import { Paging } from '../../../emulator/cpu/paging';
import { architecturalRoutines } from '../../../emulator/cpu/routines';
import { setFlatSegment } from '../../../emulator/cpu/segmentation';
import { CpuState } from '../../../emulator/cpu/state';
import { SystemBus } from '../../../emulator/devices/system-bus';
import { Seg, type Instruction, type Operand } from '../../../emulator/isa/instruction';
import { PhysicalMemory } from '../../../emulator/memory';

/** What the routines told the translation cache. */
export interface Flush {
  readonly kind: 'all' | 'page' | 'pcid';
  readonly argument: bigint;
}

export interface TestCpu extends Cpu {
  readonly flushes: Flush[];
  readonly bus: SystemBus;
  timestamp: bigint;
}

export const MEMORY_BYTES = 0x400000;

/** `name`: that of a CPU model, features added and taken away after it. */
export function testCpu(name = 'intel'): TestCpu {
  const model = parseCpuModel(name);
  const linear = new WebAssembly.Memory({ initial: (RAM + MEMORY_BYTES) / 65536 });
  const state = new CpuState(linear);
  const memory = new PhysicalMemory(linear, MEMORY_BYTES);
  const bus = new SystemBus();
  const flushes: Flush[] = [];
  return {
    state,
    memory,
    bus,
    model,
    paging: new Paging(state, memory, bus, model),
    flushes,
    translations: {
      flush: (keepGlobal) => flushes.push({ kind: 'all', argument: keepGlobal ? 1n : 0n }),
      flushPage: (va) => flushes.push({ kind: 'page', argument: va }),
      find: () => -1,
      enter: () => {},
      flushPcid: (pcid) => flushes.push({ kind: 'pcid', argument: BigInt(pcid) }),
    },
    instructionAddress: 0n,
    nextAddress: 0n,
    operandAddress: 0n,
    instructionCount: 0,
    timestamp: 0n,
    modeChanged: () => {},
  };
}

/** Physical addresses the prepared machines use. */
export const PML4 = 0x1000;
export const PDPT = 0x2000;
export const PD = 0x3000;
export const PT = 0x4000;
export const GDT = 0x8000;
export const IDT = 0x9000;
export const TSS = 0xa000;
export const STACK0 = 0x20000n;
export const STACK1 = 0x22000n;
export const USER_STACK = 0x30000n;

/** Selectors of the GDT that `protectedModeCpu` and `longModeCpu` set up; Linux's where it has one. */
export const KERNEL_CS32 = 0x08;
export const KERNEL_CS = 0x10;
export const KERNEL_DS = 0x18;
export const USER_CS32 = 0x23;
export const USER_DS = 0x2b;
export const USER_CS = 0x33;
export const TSS_SELECTOR = 0x40;
export const SPARE = 0x50;

export function descriptor(base: number, limit: number, rights: number): bigint {
  const low = BigInt(((base & 0xffff) * 0x10000 + (limit & 0xffff)) >>> 0);
  const high = BigInt(
    (((base >>> 16) & 0xff) | ((rights & 0xf0ff) << 8) | (limit & 0xf0000) | (base & 0xff000000)) >>> 0,
  );
  return (high << 32n) | low;
}

/** Access rights in the layout of `AccessRights`, G set: flat code and data by privilege level. */
export const CODE64 = 0xa09b;
export const CODE32 = 0xc09b;
export const DATA = 0xc093;
export const DPL3 = 0x60;

export function writeGdt(cpu: TestCpu, selector: number, value: bigint): void {
  cpu.memory.writeU64(GDT + (selector & ~7), value);
}

function commonGdt(cpu: TestCpu): void {
  writeGdt(cpu, KERNEL_CS32, descriptor(0, 0xfffff, CODE32));
  writeGdt(cpu, KERNEL_CS, descriptor(0, 0xfffff, CODE64));
  writeGdt(cpu, KERNEL_DS, descriptor(0, 0xfffff, DATA));
  writeGdt(cpu, USER_CS32, descriptor(0, 0xfffff, CODE32 | DPL3));
  writeGdt(cpu, USER_DS, descriptor(0, 0xfffff, DATA | DPL3));
  writeGdt(cpu, USER_CS, descriptor(0, 0xfffff, CODE64 | DPL3));
  writeGdt(cpu, TSS_SELECTOR, descriptor(TSS, 0x67, 0x89));
  cpu.state.gdtr.base = BigInt(GDT);
  cpu.state.gdtr.limit = 0x7f;
  cpu.state.idtr.base = BigInt(IDT);
  cpu.state.idtr.limit = 0xfff;
  const { tr } = cpu.state;
  tr.selector = TSS_SELECTOR;
  tr.base = BigInt(TSS);
  tr.limit = 0x67;
  tr.rights = 0x8b;
}

/** Enters a privilege level with flat segments. */
export function setLevel(cpu: TestCpu, cpl: 0 | 3, cs: number, rights: number): void {
  const { state } = cpu;
  const dpl = cpl === 3 ? DPL3 : 0;
  state.cpl = cpl;
  setFlatSegment(state.segments[Seg.CS], cs, rights | dpl);
  setFlatSegment(state.segments[Seg.SS], cpl === 3 ? USER_DS : KERNEL_DS, DATA | dpl);
  for (const seg of [Seg.DS, Seg.ES, Seg.FS, Seg.GS]) setFlatSegment(state.segments[seg], USER_DS, DATA | DPL3);
}

/** 64-bit mode at CPL 0; the 4 MiB of memory identity-mapped with 2 MiB pages, user-accessible and writable. */
export function longModeCpu(model = 'intel'): TestCpu {
  const cpu = testCpu(model);
  const { state, memory } = cpu;
  memory.writeU64(PML4, BigInt(PDPT | 7));
  memory.writeU64(PDPT, BigInt(PD | 7));
  memory.writeU64(PD, 0x87n);
  memory.writeU64(PD + 8, 0x200087n);
  commonGdt(cpu);
  state.cr0 = 0x80010033;
  state.cr4 = 0x20;
  state.cr3 = BigInt(PML4);
  state.efer = 0xd01;
  memory.writeU64(TSS + 4, STACK0);
  memory.writeU64(TSS + 0x24, STACK1);
  setLevel(cpu, 0, KERNEL_CS, CODE64);
  state.gpr[4] = 0x1f000n;
  return cpu;
}

/** 32-bit protected mode without paging at CPL 0. */
export function protectedModeCpu(model = 'intel'): TestCpu {
  const cpu = testCpu(model);
  commonGdt(cpu);
  cpu.state.cr0 = 0x11;
  cpu.memory.writeU32(TSS + 4, Number(STACK0));
  cpu.memory.writeU32(TSS + 8, KERNEL_DS);
  setLevel(cpu, 0, KERNEL_CS32, CODE32);
  cpu.state.gpr[4] = 0x1f000n;
  return cpu;
}

/** A 64-bit interrupt (type 14) or trap gate (type 15). */
export function gate64(
  cpu: TestCpu,
  vector: number,
  offset: bigint,
  options: { type?: number; dpl?: number; ist?: number; selector?: number; present?: boolean } = {},
): void {
  const { type = 14, dpl = 0, ist = 0, selector = KERNEL_CS, present = true } = options;
  const rights = BigInt((present ? 0x8000 : 0) | (dpl << 13) | (type << 8) | ist);
  const low = (offset & 0xffffn) | (BigInt(selector) << 16n) | (rights << 32n) | (((offset >> 16n) & 0xffffn) << 48n);
  cpu.memory.writeU64(IDT + 16 * vector, low);
  cpu.memory.writeU64(IDT + 16 * vector + 8, offset >> 32n);
}

/** A 32-bit (type 14, 15) or 16-bit (6, 7) gate. */
export function gate32(
  cpu: TestCpu,
  vector: number,
  offset: number,
  options: { type?: number; dpl?: number; selector?: number } = {},
): void {
  const { type = 14, dpl = 0, selector = KERNEL_CS32 } = options;
  const low = BigInt(((selector << 16) | (offset & 0xffff)) >>> 0);
  const high = BigInt(((offset & 0xffff0000) | 0x8000 | (dpl << 13) | (type << 8)) >>> 0);
  cpu.memory.writeU64(IDT + 8 * vector, (high << 32n) | low);
}

export function instruction(mnemonic: string, fields: Partial<Instruction> = {}): Instruction {
  return {
    mnemonic,
    length: 2,
    operandSize: 8,
    addressSize: 8,
    operands: [],
    condition: 0,
    lock: false,
    repeat: 'none',
    ...fields,
  };
}

export function register(index: number, size: 1 | 2 | 4 | 8 = 8): Operand {
  return { kind: 'register', register: index, size, high: false };
}

/** Executes one routine as the engine does: RIP at `rip`, two bytes long. */
export function execute(cpu: TestCpu, mnemonic: string, fields: Partial<Instruction> = {}, rip = cpu.state.rip): void {
  cpu.state.rip = rip;
  cpu.instructionAddress = rip;
  cpu.nextAddress = rip + 2n;
  architecturalRoutines[mnemonic](cpu, instruction(mnemonic, fields));
  cpu.state.rip = cpu.nextAddress;
}

/** The guest exception that `action` raises, as "vector" or "vector(error code)"; "none" if it completes. */
export function exceptionOf(action: () => void): string {
  try {
    action();
  } catch (error) {
    if (!(error instanceof GuestException)) throw error;
    return error.errorCode === undefined ? `${error.vector}` : `${error.vector}(${error.errorCode.toString(16)})`;
  }
  return 'none';
}
