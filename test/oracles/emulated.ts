/** Runs cases in the emulator, in a machine set up as Linux sets up a process: CPL 3, flat segments, paging. */
import { CPU_MODELS, type CpuModel, createMachine, Efer, Seg, type Stop } from '../../emulator';
import { featureNames } from '../../emulator/cpu/cpuid';
import { LONGEST_BLOCK } from '../../emulator/engine/code-cache';
import type { Pc } from '../../emulator/pc';
import { type Case, CODE, CODE_BYTES, FILLER, fits, LEAD_IN, LOW_WINDOW, type Outcome, PATTERN } from './case';
import { READ_ONLY_FROM, WINDOW, WINDOW_BYTES } from './case';
import { EmulatedRegisters } from './emulated-registers';
import { processorHas } from './encodings';
import { Silicon } from './silicon';

const PML4 = 0x1000;
const PDPT = 0x2000;
const DIRECTORY = 0x3000;
const FIRST_TABLE = 0x4000;
const CODE_PA = 0x100000;
const WINDOW_PA = 0x110000;
const [PRESENT, WRITABLE, USER, EXECUTE_DISABLE] = [1n, 2n, 4n, 1n << 63n];

/** Selectors and access rights of Linux's user segments. */
const CODE_64 = { selector: 0x33, rights: 0xa0fb };
const CODE_32 = { selector: 0x23, rights: 0xc0fb };
const DATA = { selector: 0x2b, rights: 0xc0f3 };
const UNUSABLE = 0x10000;
const LOADS_SEGMENT = /SREG|^L[DEFGS]S$|_FAR$|IRET|INT/;

/** x87, SSE and AVX. */
const XCR0 = 7n;

const NOP = 0x90;
const JMP_REL32 = 0xe9;
/** So many slices of the budget end at a block before it is compiled. */
const SLICES_TO_COMPILE = 3;
/** Enough for the longest case, and more than a block has, so that `run` does not fall back to single steps. */
const RUN_BUDGET = 1000;

/** The Intel model with every feature that both the emulator and the processor at hand know. */
function comparedModel(): CpuModel {
  const processor = Silicon.flags();
  const features = featureNames.filter((name) => processorHas(processor, name));
  return { ...CPU_MODELS.intel, features: new Set([...CPU_MODELS.intel.features, ...features]) };
}

/** `step` executes instruction by instruction, `run` whole blocks in the interpreter, `compiled` what was made of them. */
export type Way = 'step' | 'run' | 'compiled';

/** The code that is in memory. */
interface LoadedCode extends Pick<Case, 'codeOffset' | 'code' | 'compatibility'> {
  /** The engine has compiled it. */
  compiled: boolean;
}

const NOTHING: LoadedCode = { codeOffset: 1, code: new Uint8Array(), compatibility: false, compiled: false };

export class Emulated {
  private readonly model = comparedModel();
  private machine = this.create();
  private registers = new EmulatedRegisters(this.machine);
  private window = this.windowBytes();
  private readonly pattern = PATTERN.subarray(0, READ_ONLY_FROM);
  private loaded = NOTHING;
  /** The case before may have loaded a segment register. */
  private loadedSegments = true;

  private create(): Pc {
    const machine = createMachine({ memoryBytes: 4 << 20, cpu: this.model });
    const { memory, state } = machine;
    const link = PRESENT | WRITABLE | USER;
    memory.writeU64(PML4, BigInt(PDPT) | link);
    memory.writeU64(PDPT, BigInt(DIRECTORY) | link);
    let tables = FIRST_TABLE;
    const map = (va: number, pa: number, bytes: number, rights: bigint): void => {
      const entry = DIRECTORY + 8 * Math.floor(va / 0x200000);
      if (memory.readU64(entry) === 0n) {
        memory.writeU64(entry, BigInt(tables) | link);
        tables += 0x1000;
      }
      const table = Number(memory.readU64(entry) & ~0xfffn);
      for (let page = 0; page < bytes; page += 0x1000) {
        memory.writeU64(table + 8 * (((va + page) >> 12) & 511), BigInt(pa + page) | PRESENT | USER | rights);
      }
    };
    map(CODE, CODE_PA, CODE_BYTES, WRITABLE);
    for (const va of [WINDOW, LOW_WINDOW]) {
      map(va, WINDOW_PA, READ_ONLY_FROM, WRITABLE | EXECUTE_DISABLE);
      map(va + READ_ONLY_FROM, WINDOW_PA + READ_ONLY_FROM, WINDOW_BYTES - READ_ONLY_FROM, EXECUTE_DISABLE);
    }
    memory.load(CODE_PA, new Uint8Array(CODE_BYTES).fill(FILLER));
    memory.load(WINDOW_PA, PATTERN);
    state.cr3 = BigInt(PML4);
    // PAE, PGE, OSFXSR, OSXMMEXCPT, FSGSBASE and OSXSAVE; PE, MP, ET, NE, WP, AM and PG: what Linux has set.
    state.cr4 = 0x506a0;
    state.cr0 = 0x80050033;
    state.xcr0 = XCR0;
    state.efer = Efer.SCE | Efer.LME | Efer.LMA | Efer.NXE;
    state.cpl = 3;
    Object.assign(state.tr, { selector: 0x40, rights: 0x8b, base: 0n, limit: 0x20 });
    for (let vector = 0; vector < 32; vector++) machine.stopOn.exceptions.add(vector);
    return machine;
  }

  private windowBytes(): Buffer {
    const { bytes } = this.machine.memory;
    return Buffer.from(bytes.buffer, bytes.byteOffset + WINDOW_PA, READ_ONLY_FROM);
  }

  /** Executes one case. The processor's state is set anew, and the window is as before afterwards. */
  run(test: Case, way: Way): Outcome {
    const { machine } = this;
    this.loadCode(test);
    if (way === 'compiled') this.heat(test);
    // The instruction in front makes `run`, whose first instruction is always a single step, begin the case in a block.
    this.begin(test, test.codeOffset - 1);
    const stop = way === 'step' ? this.stepToException() : machine.run(RUN_BUDGET);
    const outcome = this.outcome(stop, test.extended !== undefined);
    if (stop.reason !== 'exception') {
      // It ran away or shut down: nothing of it may reach the next case.
      this.machine = this.create();
      this.registers = new EmulatedRegisters(this.machine);
      this.window = this.windowBytes();
      this.loaded = NOTHING;
      this.loadedSegments = true;
    }
    return outcome;
  }

  /** Puts the code of a case in the place of that of the one before, unless they are the same: what was made of it stays. */
  private loadCode({ codeOffset, code, compatibility }: Case): void {
    const { loaded, machine } = this;
    if (loaded.codeOffset === codeOffset && loaded.compatibility === compatibility) {
      if (code.length === loaded.code.length && code.every((byte, i) => byte === loaded.code[i])) return;
    }
    machine.memory.load(CODE_PA + loaded.codeOffset - 1, new Uint8Array(loaded.code.length + 1).fill(FILLER));
    machine.memory.load(CODE_PA + codeOffset - 1, Uint8Array.of(LEAD_IN, ...code));
    this.loaded = { codeOffset, code, compatibility, compiled: false };
  }

  /** Sets the state and the window of a case, and control to `offset` from `CODE`. */
  private begin(test: Case, offset: number): void {
    const { state } = this.machine;
    for (const patch of test.patches) if (fits(patch)) this.window.set(patch.bytes, patch.offset);
    if (test.extended) this.registers.load(test.extended);
    state.gpr.set(test.gpr);
    state.rflags = test.rflags;
    const { segments } = state;
    if (this.loadedSegments) {
      for (const segment of segments) Object.assign(segment, { ...DATA, base: 0n, limit: 0xffffffff });
      for (const segment of [Seg.FS, Seg.GS]) Object.assign(segments[segment], { selector: 0, rights: UNUSABLE });
    }
    this.loadedSegments = test.instructions.some(({ mnemonic }) => LOADS_SEGMENT.test(mnemonic));
    const code = test.compatibility ? CODE_32 : CODE_64;
    segments[Seg.CS].selector = code.selector;
    segments[Seg.CS].rights = code.rights;
    segments[Seg.FS].base = test.fsBase;
    segments[Seg.GS].base = test.gsBase;
    state.rip = BigInt(CODE + offset);
  }

  /**
   * Makes the engine compile the case: it compiles a block at which several slices of the budget have ended. A jump to the
   * case, elsewhere in its page, is run once to the end, and then several times with a budget that the jump uses up.
   */
  private heat(test: Case): void {
    const { machine, loaded } = this;
    if (loaded.compiled) return;
    loaded.compiled = true;
    const page = test.codeOffset & ~0xfff;
    const jumpAt = page + ((test.codeOffset & 0xfff) < 0x800 ? 0xf80 : 0x40);
    const jump = Uint8Array.of(NOP, NOP, JMP_REL32, 0, 0, 0, 0);
    new DataView(jump.buffer).setInt32(3, test.codeOffset - (jumpAt + jump.length), true);
    machine.memory.load(CODE_PA + jumpAt, jump);
    for (const budget of [RUN_BUDGET, ...Array<number>(SLICES_TO_COMPILE).fill(LONGEST_BLOCK + 2)]) {
      this.begin(test, jumpAt);
      machine.run(budget);
    }
    this.changes();
    machine.memory.load(CODE_PA + jumpAt, jump.fill(FILLER));
  }

  private stepToException(): Stop {
    let stop: Stop = { reason: 'limit' };
    for (let i = 0; i < RUN_BUDGET && stop.reason === 'limit'; i++) stop = this.machine.step().stop;
    return stop;
  }

  private outcome(stop: Stop, extended: boolean): Outcome {
    const { state } = this.machine;
    const exception = stop.reason === 'exception' ? stop : undefined;
    const { changedAt, changed } = this.changes();
    return {
      gpr: state.gpr.slice(),
      rip: state.rip,
      fsBase: state.segments[Seg.FS].base,
      gsBase: state.segments[Seg.GS].base,
      rflags: state.rflags,
      vector: exception?.vector ?? -1,
      errorCode: exception?.errorCode ?? 0,
      cr2: exception?.faultAddress ?? 0n,
      changedAt,
      changed,
      extended: extended ? this.registers.store() : undefined,
    };
  }

  /** What the case wrote; the window is then as it was. */
  private changes(): { changedAt: number; changed: Uint8Array } {
    const { window, pattern } = this;
    if (window.equals(pattern)) return { changedAt: pattern.length, changed: new Uint8Array() };
    let first = 0;
    while (window[first] === pattern[first]) first++;
    let last = pattern.length - 1;
    while (window[last] === pattern[last]) last--;
    first &= ~7;
    const changed = Uint8Array.from(window.subarray(first, (last | 7) + 1));
    window.set(pattern.subarray(first, last + 1), first);
    return { changedAt: first, changed };
  }
}
