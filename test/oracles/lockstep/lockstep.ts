/**
 * Runs a multiboot kernel on QEMU and on Ringside, one instruction at a time, and compares all registers after each. Both
 * start from QEMU's memory and registers at the kernel's entry.
 *
 * What a machine is told from outside (CPUID, RDTSC, RDMSR of model-specific contents, IN) is taken from QEMU. Known
 * deviations of QEMU from the manuals are listed in `QEMU_DEVIATIONS`.
 */
import { Decoder, DecoderOptions } from 'iced-x86';
import { createMachine, Gpr, Seg } from '../../../emulator';
import { loadMultiboot } from '../../../emulator/boot/multiboot';
import { Qemu, type Registers } from './qemu';

export interface LockstepOptions {
  /** The kernel image as a file for QEMU, and its bytes. */
  readonly kernelPath: string;
  readonly kernel: Uint8Array;
  readonly programPath: string;
  readonly program: Uint8Array;
  /** Physical entry address of the kernel. */
  readonly entry: number;
  /** QEMU's -cpu. */
  readonly cpu: string;
  /** Our CPU model. */
  readonly model: string;
  readonly maxInstructions: number;
}

export interface Difference {
  readonly instruction: number;
  readonly rip: bigint;
  readonly text: string;
  readonly register: string;
  readonly qemu: bigint;
  readonly ringside: bigint;
}

export interface LockstepResult {
  readonly instructions: number;
  readonly differences: readonly Difference[];
  /** Why the comparison ended early, if a known deviation of QEMU ended it. */
  readonly parted: string | undefined;
}

/** Instructions whose result comes from outside the processor: their outputs are copied from QEMU. */
const INPUTS: Readonly<Record<string, readonly string[]>> = {
  cpuid: ['rax', 'rbx', 'rcx', 'rdx'],
  rdtsc: ['rax', 'rdx'],
  rdmsr: ['rax', 'rdx'],
  in: ['rax'],
};

const CR4_LA57 = 1n << 12n;

/**
 * Where QEMU does not do what the manuals say, and the two can only part: the instruction, and what tells the case.
 */
const QEMU_DEVIATIONS: readonly { mnemonic: string; applies: (theirs: Registers) => boolean; reason: string }[] = [
  {
    mnemonic: 'iretq',
    applies: ({ rip, cr4 }) => BigInt.asUintN(64, BigInt.asIntN(cr4 & CR4_LA57 ? 57 : 48, rip)) !== rip,
    reason: 'SDM vol. 2, IRET: a return to a RIP that is not canonical is #GP(0) in IRET itself',
  },
];

const GPR_NAMES: Readonly<Record<string, Gpr>> = {
  rax: Gpr.RAX,
  rcx: Gpr.RCX,
  rdx: Gpr.RDX,
  rbx: Gpr.RBX,
  rsp: Gpr.RSP,
  rbp: Gpr.RBP,
  rsi: Gpr.RSI,
  rdi: Gpr.RDI,
  ...Object.fromEntries([8, 9, 10, 11, 12, 13, 14, 15].map((n) => [`r${n}`, n])),
};

const SEGMENT_NAMES = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'];

/** RFLAGS bits of iced's RflagsBits OF SF ZF AF CF PF DF IF AC UIF. */
const RFLAGS_OF_ICED = [0x800, 0x80, 0x40, 0x10, 0x1, 0x4, 0x400, 0x200, 0x40000, 0];

function rflagsOf(icedBits: number): number {
  return RFLAGS_OF_ICED.reduce((all, flag, bit) => (icedBits & (1 << bit) ? all | flag : all), 0);
}

const MEMORY = 64 << 20;
/** Everything the boot loader has written lies below. */
const COPIED = 4 << 20;

const MOST_ITERATIONS = 10_000;

export async function lockstep(options: LockstepOptions): Promise<LockstepResult> {
  const qemu = await Qemu.start([
    ...['-m', '64M', '-serial', 'null', '-cpu', options.cpu, '-kernel', options.kernelPath],
    ...['-initrd', options.programPath, '-device', 'isa-debug-exit,iobase=0xf4,iosize=4'],
  ]);
  try {
    await qemu.runTo(options.entry);
    const machine = createMachine({ memoryBytes: MEMORY, cpu: options.model });
    loadMultiboot(machine.cpu, options.kernel, undefined, { modules: [{ bytes: options.program, string: '' }] });
    const { state } = machine;
    machine.memory.load(0, await qemu.gdb.readMemory(0, 0xa0000));
    machine.memory.load(0x100000, await qemu.gdb.readMemory(0x100000, COPIED - 0x100000));
    const start = await qemu.registers();
    for (const [name, register] of Object.entries(GPR_NAMES)) state.gpr[register] = start[name];
    state.rflags = Number(start.rflags);
    state.cr0 = Number(start.cr0);
    for (const seg of [Seg.CS, Seg.SS, Seg.DS, Seg.ES, Seg.FS, Seg.GS]) {
      state.segments[seg].selector = Number(start[SEGMENT_NAMES[seg]]);
    }

    const differences: Difference[] = [];
    let parted: string | undefined;
    let undefinedFlags = 0;
    let instructions = 0;
    for (; instructions < options.maxInstructions && differences.length < 20; instructions++) {
      const rip = state.rip;
      const code = machine.readLinear(state.segments[Seg.CS].base + rip, 15);
      const bits = state.mode64 ? 64 : state.segments[Seg.CS].big ? 32 : 16;
      const decoder = new Decoder(bits, code, DecoderOptions.None);
      decoder.ip = rip;
      const instruction = decoder.decode();
      const text = instruction.toString();
      const mnemonic = text.split(' ')[0];
      undefinedFlags &= ~rflagsOf(instruction.rflagsWritten | instruction.rflagsCleared | instruction.rflagsSet);
      undefinedFlags |= rflagsOf(instruction.rflagsUndefined);

      const { stop } = machine.step({ holdInterrupts: true });
      const going = await qemu.step();
      if (stop.reason !== 'limit' || !going) {
        if (stop.reason === 'exit' && !going) break;
        throw new Error(
          `after ${text} at ${rip.toString(16)}: Ringside ${stop.reason}, QEMU ${going ? 'runs' : 'gone'}`,
        );
      }
      let theirs = await qemu.registers();
      // QEMU counts each iteration of a repeated string instruction as a step, and at times stops without a step made.
      for (let more = 0; theirs.rip === rip && state.rip !== rip && more < MOST_ITERATIONS; more++) {
        await qemu.step();
        theirs = await qemu.registers();
      }
      for (const name of INPUTS[mnemonic] ?? []) state.gpr[GPR_NAMES[name]] = theirs[name];
      parted = QEMU_DEVIATIONS.find((entry) => entry.mnemonic === mnemonic && entry.applies(theirs))?.reason;
      if (parted !== undefined) break;
      const ours = registersOf(machine);
      // Outside 64-bit mode QEMU's stub reports only the low halves, and R8 to R15 as 0.
      const width = state.mode64 ? 64 : 32;
      for (const [register, value] of Object.entries(theirs)) {
        const general = register === 'rip' || register in GPR_NAMES;
        const mask = register === 'rflags' ? BigInt(~undefinedFlags >>> 0) : (1n << BigInt(general ? width : 64)) - 1n;
        const hidden = width === 32 && /^r(8|9|1[0-5])$/.test(register);
        if (hidden || ((value ^ ours[register]) & mask) === 0n) continue;
        differences.push({ instruction: instructions, rip, text, register, qemu: value, ringside: ours[register] });
      }
      decoder.free();
      instruction.free();
    }
    return { instructions, differences, parted };
  } finally {
    qemu.stop();
  }
}

function registersOf({ state }: ReturnType<typeof createMachine>): Registers {
  const { segments } = state;
  return {
    ...Object.fromEntries(Object.entries(GPR_NAMES).map(([name, register]) => [name, state.gpr[register]])),
    rip: state.rip,
    rflags: BigInt(state.rflags),
    cs: BigInt(segments[Seg.CS].selector),
    ss: BigInt(segments[Seg.SS].selector),
    ds: BigInt(segments[Seg.DS].selector),
    es: BigInt(segments[Seg.ES].selector),
    fs: BigInt(segments[Seg.FS].selector),
    gs: BigInt(segments[Seg.GS].selector),
    fs_base: segments[Seg.FS].base,
    gs_base: segments[Seg.GS].base,
    kernel_gs_base: state.kernelGsBase,
    cr0: BigInt(state.cr0 >>> 0),
    cr2: state.cr2,
    cr3: state.cr3,
    cr4: BigInt(state.cr4 >>> 0),
    cr8: BigInt(state.cr8),
    efer: BigInt(state.efer),
  };
}
