/** Makes cases: an encoding with random registers, prefixes and immediates, and operands that mostly make sense for it. */
import { decode, Flag, Gpr, type Instruction, type Operand, Seg, STATUS_FLAGS } from '../../emulator';
import type { GatherOperand, MemoryOperand } from '../../emulator/isa/instruction';
import { type Case, CODE, CODE_BYTES, LOW_WINDOW, PATCH_BYTES, READ_ONLY_FROM, WINDOW, WINDOW_BYTES } from './case';
import { type Encoding, type Extensions, encodings, shortVexBytes, vexBytes } from './encodings';
import { extend, gatherIndices } from './extended-generator';
import type { Group } from './groups';
import { Random } from './random';
import { isApproximate } from './freedoms';
import { undefinedFlags } from './undefined-flags';

const STRINGS = new Set(['MOVS', 'CMPS', 'SCAS', 'LODS', 'STOS', 'INS', 'OUTS']);
const POPS = new Set(['POP', 'RET', 'POPF', 'POPA', 'LEAVE', 'ENTER', 'PUSH', 'CALL', 'PUSHA', 'PUSHF', 'PUSH_SREG']);
const BRANCHES = new Set(['JMP', 'CALL', 'RET', 'Jcc', 'JCXZ', 'LOOP', 'LOOPE', 'LOOPNE']);
const BIT_TESTS = new Set(['BT', 'BTS', 'BTR', 'BTC']);
/** What may follow another instruction in a case: it looks at the flags, or keeps them, and touches no memory. */
const FOLLOWERS = [
  'Jcc',
  'Jcc',
  'Jcc',
  'SETcc',
  'CMOVcc',
  'ADC',
  'SBB',
  'RCL',
  'RCR',
  'LAHF',
  'INC',
  'CMC',
  'ADCX',
  'ADOX',
];

/** Of the instructions on extended registers those that set flags. */
const SETS_FLAGS = /COMI|PTEST|VTEST|PCMP[EI]STR/;

const FUSED = ['CMP', 'CMP', 'TEST', 'ADD', 'SUB', 'INC', 'DEC'];

export interface GeneratorOptions {
  /** Only this mnemonic. */
  readonly only?: string;
  /** Only these groups; all if undefined. */
  readonly groups?: ReadonlySet<Group>;
  /** Features of the processor, as named in /proc/cpuinfo. */
  readonly processor: ReadonlySet<string>;
  /** Whether 16-bit addresses reach the window. */
  readonly lowWindow: boolean;
}

/** One encoding as bytes: what the case generator may still change are displacement and immediate. */
interface Draft {
  bytes: Uint8Array;
  instruction: Instruction;
  /** Where the displacement of the memory operand is, and its length. */
  readonly displacementAt: number;
  readonly displacementBytes: number;
  readonly group: Group;
}

const MASKED = /MASKMOV/;

/** Bytes at which an operand of this size should begin: legacy SSE and FXSAVE want 16, XSAVE 64. */
function alignmentOf(group: Group, size: number): number {
  if (group === 'state') return 64;
  return size >= 16 ? Math.min(size, 32) : 1;
}

/** Where in the window an address lies, if it does. */
function windowOffset(va: bigint): number | undefined {
  const offsets = [WINDOW, LOW_WINDOW].map((window) => Number(BigInt.asUintN(32, va)) - window);
  return offsets.find((offset) => offset >= 0 && offset < WINDOW_BYTES);
}

const formsKey = (of: string, compatibility: boolean): string => `${of} ${compatibility ? 32 : 64}`;

function append(lists: Map<string, Encoding[]>, key: string, encoding: Encoding): void {
  const list = lists.get(key);
  if (list) list.push(encoding);
  else lists.set(key, [encoding]);
}

/** Encodings of the same form together, so that each form comes as often as the others. */
function byForm(list: readonly Encoding[]): Encoding[][] {
  const forms = new Map<string, Encoding[]>();
  for (const one of list) append(forms, one.form, one);
  return [...forms.values()];
}

export class Generator {
  private readonly encodings: Map<string, Encoding[]>;
  /** Those that cases begin with, by mnemonic and then by form. */
  private readonly chosen = new Map<string, Encoding[][]>();
  /** Those with registers alone: of `FOLLOWERS`, and of each group. */
  private readonly followers = new Map<string, Encoding[]>();
  private readonly registerForms = new Map<string, Encoding[]>();
  private readonly mnemonics: readonly string[];
  private readonly fusedPairs: boolean;
  private random = new Random(0);

  constructor(private readonly options: GeneratorOptions) {
    const { only, groups } = options;
    this.encodings = encodings(options.processor);
    for (const [mnemonic, list] of this.encodings) {
      const chosen = groups === undefined ? list : list.filter(({ group }) => groups.has(group));
      if (chosen.length > 0 && (only === undefined || only === mnemonic)) this.chosen.set(mnemonic, byForm(chosen));
      for (const one of list) {
        if (one.memory) continue;
        if (FOLLOWERS.includes(mnemonic)) append(this.followers, formsKey(mnemonic, one.compatibility), one);
        if (one.group === 'integer' || isApproximate(mnemonic)) continue;
        append(this.registerForms, formsKey(one.group, one.compatibility), one);
      }
    }
    this.mnemonics = [...this.chosen.keys()];
    this.fusedPairs = only === undefined && (groups?.has('integer') ?? true);
  }

  /** The case that belongs to a number, always the same. */
  make(seed: number): Case {
    this.random = new Random(seed);
    for (;;) {
      const test = this.tryMake();
      if (test) return test;
    }
  }

  private tryMake(): Case | undefined {
    const { random } = this;
    // The engine carries some instructions out together with a conditional branch: those pairs come more often.
    const pair = this.fusedPairs && random.chance(3);
    const mnemonic = random.pick(pair ? FUSED : this.mnemonics);
    const encoding = random.pick(random.pick(this.chosen.get(mnemonic) ?? []));
    const draft = this.draft(encoding);
    if (!draft) return undefined;
    const test = this.emptyCase(encoding.compatibility, draft);
    this.place(test, draft);
    if (BRANCHES.has(draft.instruction.mnemonic) && !this.aim(test, draft)) return undefined;
    test.code = draft.bytes;
    test.instructions = [draft.instruction];
    if (pair || random.chance(30)) this.follow(test, pair);
    if (test.extended && random.chance(15)) this.repeatGroup(test, draft);
    // AVX-512, which is not compared, has these state components.
    if (draft.group === 'state' && (test.gpr[Gpr.RAX] & 0xe0n) !== 0n) return undefined;
    return test;
  }

  private emptyCase(compatibility: boolean, { bytes }: Draft): Case {
    const { random } = this;
    let rflags = Flag.FIXED | Flag.IF | (random.next() & STATUS_FLAGS);
    if (random.chance(30)) rflags |= Flag.DF;
    if (random.chance(4)) rflags |= Flag.AC;
    const gpr = BigUint64Array.from({ length: 16 }, () => random.operand());
    // Not only small offsets: some instructions cross into the second page, some reach the end of the code.
    let codeOffset = 0x80 + random.below(CODE_BYTES - 0x200);
    if (random.chance(10)) codeOffset = 0x1000 - random.below(bytes.length + 1);
    else if (random.chance(3)) codeOffset = CODE_BYTES - bytes.length;
    return {
      instructions: [],
      gpr,
      fsBase: random.chance(50) ? BigInt(WINDOW + random.below(0x1000)) : random.bits64() >> 17n,
      gsBase: random.chance(50) ? BigInt(WINDOW + random.below(0x1000)) : random.bits64() >> 17n,
      rflags,
      codeOffset,
      code: new Uint8Array(),
      compatibility,
      patches: [],
    };
  }

  /** Bytes of an encoding that decode to what is to be compared. */
  private draft(encoding: Encoding, first = true): Draft | undefined {
    const { random } = this;
    const { compatibility, group } = encoding;
    const bit = (percent: number): number => (!compatibility && random.chance(percent) ? 1 : 0);
    const vvvv = encoding.vvvv ? this.vvvv(compatibility) : 0;
    const w = encoding.wide ? 1 : bit(15);
    const extensions: Extensions = { r: bit(40), x: bit(40), b: bit(40), w, vvvv };
    const bytes = this.prefixes(encoding);
    if (encoding.vexMap !== 0) {
      const short = encoding.vexMap === 1 && encoding.vexW === 0 && extensions.x === 0 && extensions.b === 0;
      bytes.push(...(short ? shortVexBytes(encoding, extensions) : vexBytes(encoding, extensions)));
    } else {
      const { w, r, x, b } = extensions;
      if (w + r + x + b > 0 || bit(15)) bytes.push(0x40 | (w << 3) | (r << 2) | (x << 1) | b);
      bytes.push(...encoding.escape);
    }
    bytes.push(encoding.opcode);
    let [displacementAt, displacementBytes] = [bytes.length, 0];
    if (encoding.modrm) {
      const address16 = compatibility && bytes.includes(0x67);
      [displacementAt, displacementBytes] = this.modrm(bytes, encoding, address16);
    }
    const immediate = random.bytes(8);
    if (random.chance(40)) immediate.fill(random.chance(50) ? 0 : 0xff, 1);
    const whole = Uint8Array.from([...bytes, ...immediate]);
    const instruction = decode(whole, 0, whole.length, compatibility ? 32 : 64);
    if (typeof instruction === 'string') return undefined;
    if (!(first ? this.chosen : this.encodings).has(instruction.mnemonic)) return undefined;
    if (instruction.addressSize === 2 && !this.options.lowWindow) return undefined;
    // Reserved uses of F2 and F3 (SDM vol. 2, 2.1.1): AMD's LOOPE and LOOPNE take the sense of ZF from them.
    if (instruction.mnemonic.startsWith('LOOP') && (bytes.includes(0xf2) || bytes.includes(0xf3))) return undefined;
    // 0F 0D with a register is NOP for Intel, #UD for AMD.
    if (instruction.mnemonic === 'NOP' && encoding.opcode === 0x0d && !encoding.memory) return undefined;
    // MOVSXD with a 16-bit destination reads 16 bits on Intel, 32 on AMD.
    if (instruction.mnemonic === 'MOVSXD' && instruction.operandSize === 2) return undefined;
    // Outside 64-bit mode VEX.W of these is ignored by Intel's processors, #UD on AMD's.
    if (compatibility && encoding.vexW === 1 && /^VP(INSR|EXTR)D$/.test(instruction.mnemonic)) return undefined;
    // Near branches with 66 in 64-bit mode: Intel ignores the prefix, AMD cuts RIP to 16 bits (SDM vol. 2, JMP).
    if (!compatibility && BRANCHES.has(instruction.mnemonic) && bytes.includes(0x66)) return undefined;
    return { bytes: whole.slice(0, instruction.length), instruction, displacementAt, displacementBytes, group };
  }

  private vvvv(compatibility: boolean): number {
    return this.random.below(compatibility ? 8 : 16);
  }

  private prefixes({ mandatory, vexMap, mnemonic, group }: Encoding): number[] {
    const { random } = this;
    const bytes: number[] = [];
    if (vexMap === 0 && group !== 'integer') {
      if (mandatory) bytes.push(mandatory);
      // F3 and F2 take precedence over 66.
      if (mandatory >= 0xf2 && random.chance(5)) bytes.push(0x66);
    } else if (vexMap === 0) {
      if (random.chance(20)) bytes.push(0x66);
      if (mandatory) bytes.push(mandatory);
      else if (STRINGS.has(mnemonic) && random.chance(50)) bytes.push(random.pick([0xf2, 0xf3]));
      if (random.chance(15)) bytes.push(0xf0);
    }
    if (random.chance(12)) bytes.push(0x67);
    if (random.chance(12)) bytes.push(random.pick([0x26, 0x2e, 0x36, 0x3e, 0x64, 0x64, 0x65, 0x65]));
    // Any order will do.
    for (let i = bytes.length - 1; i > 0; i--) {
      const j = random.below(i + 1);
      [bytes[i], bytes[j]] = [bytes[j], bytes[i]];
    }
    return bytes;
  }

  /** Appends ModRM, SIB and displacement; tells where the displacement is. */
  private modrm(bytes: number[], encoding: Encoding, address16: boolean): [at: number, length: number] {
    const { random } = this;
    const { reg, memory } = encoding;
    const rm = encoding.rm >= 0 ? encoding.rm : random.below(8);
    if (!memory) {
      bytes.push(0xc0 | (reg << 3) | rm);
      return [bytes.length, 0];
    }
    const mod = random.below(3);
    bytes.push((mod << 6) | (reg << 3) | rm);
    let length = mod === 1 ? 1 : mod === 2 ? 4 : 0;
    if (address16) {
      length = mod === 0 && rm === 6 ? 2 : Math.min(length, 2);
    } else if (rm === 4) {
      const sib = random.below(256);
      bytes.push(sib);
      if (mod === 0 && (sib & 7) === 5) length = 4;
    } else if (mod === 0 && rm === 5) {
      length = 4;
    }
    const at = bytes.length;
    bytes.push(...random.bytes(length));
    return [at, length];
  }

  /**
   * An address for an operand: mostly in the window, at times across its page boundary, or where it faults; mostly
   * aligned, if it should be.
   */
  private target(window: number, alignment = 1): number {
    const at = this.anyTarget(window);
    return alignment > 1 && this.random.chance(88) ? at - (at % alignment) : at;
  }

  private operandTarget(window: number, group: Group, { mnemonic }: Instruction, size: number): number {
    if (group === 'integer') return this.target(window);
    // Elements that a mask leaves out may lie where nothing is, or nothing may be written.
    if (MASKED.test(mnemonic) && this.random.chance(30)) {
      return window + this.random.pick([READ_ONLY_FROM, WINDOW_BYTES, WINDOW_BYTES]) - this.random.below(32);
    }
    return this.target(window, alignmentOf(group, size));
  }

  private anyTarget(window: number): number {
    const { random } = this;
    const crossing = (page: number): number => window + page - random.below(16);
    switch (random.below(20)) {
      case 0:
      case 1:
        return crossing(0x1000);
      case 2:
        return crossing(READ_ONLY_FROM);
      case 3:
        return random.chance(50) ? crossing(WINDOW_BYTES) : crossing(0);
      case 4:
        return window + random.below(WINDOW_BYTES + 0x800);
      default:
        return (
          window + 0x100 + 8 * random.below((READ_ONLY_FROM - 0x200) / 8) + (random.chance(30) ? random.below(8) : 0)
        );
    }
  }

  /** Gives registers and memory contents that suit the instruction. */
  private place(test: Case, draft: Draft): void {
    const { random } = this;
    const { gpr } = test;
    const { instruction } = draft;
    const { mnemonic, operandSize, addressSize, repeat } = instruction;
    const window = addressSize === 2 ? LOW_WINDOW : WINDOW;
    if (random.chance(70) || POPS.has(mnemonic)) gpr[Gpr.RSP] = BigInt(this.target(WINDOW));
    if (mnemonic === 'LEAVE' || mnemonic === 'ENTER') gpr[Gpr.RBP] = BigInt(this.target(WINDOW));
    if (mnemonic === 'DIV' || mnemonic === 'IDIV') this.dividend(test, operandSize);
    if (mnemonic === 'JCXZ' || mnemonic.startsWith('LOOP')) gpr[Gpr.RCX] = this.upper(addressSize, random.below(4));
    if (STRINGS.has(mnemonic)) {
      const places = [this.target(window), this.target(window)];
      if (random.chance(20)) places[1] = places[0] + random.below(40) - 20;
      // The EPYC at hand does not copy element by element when REP MOVS with 16-bit addresses overlaps closely.
      if (addressSize === 2 && Math.abs(places[1] - places[0]) < 128) places[1] = places[0];
      gpr[Gpr.RSI] = this.upper(addressSize, places[0]);
      gpr[Gpr.RDI] = this.upper(addressSize, places[1]);
      if (repeat !== 'none') gpr[Gpr.RCX] = this.upper(addressSize, random.below(random.chance(20) ? 3000 : 40));
      this.patchStrings(test, places, window);
      return;
    }
    const extended = draft.group !== 'integer';
    // Whether 16 bytes and more are checked for alignment depends on the processor (SDM vol. 3, 6.15, #AC).
    if (extended) test.rflags &= ~Flag.AC;
    const contents = extended ? extend(random, test, instruction, draft.group) : this.contents(test, instruction);
    const memory = instruction.operands.find((operand) => operand.kind === 'memory');
    if (memory?.kind === 'memory') {
      const at = this.operandTarget(window, draft.group, instruction, memory.size);
      const reached = this.reach(test, draft, memory, at);
      this.patch(test, at - window, contents);
      test.operandOffset = windowOffset(reached);
    }
    const gather = instruction.operands.find((operand) => operand.kind === 'gather');
    if (gather?.kind === 'gather') this.reachElements(test, gather, instruction);
    this.patch(test, Number(BigInt.asIntN(48, gpr[Gpr.RSP])) - WINDOW, this.stackContents(instruction));
  }

  /** `value` with random bits above the address size, which must not count. */
  private upper(addressSize: number, value: number): bigint {
    const bits = 8 * addressSize;
    const low = BigInt.asUintN(bits, BigInt(value));
    return bits === 64 || this.random.chance(50)
      ? low
      : low | BigInt.asUintN(64, (this.random.bits64() >> BigInt(bits)) << BigInt(bits));
  }

  /** A dividend whose high half seldom makes the quotient too large. */
  private dividend({ gpr }: Case, size: number): void {
    const { random } = this;
    const high = random.pick([0n, 0n, BigInt.asUintN(64, -1n), BigInt(random.below(100)), random.operand()]);
    if (size === 1) gpr[Gpr.RAX] = (gpr[Gpr.RAX] & ~0xff00n) | ((high & 0xffn) << 8n);
    else gpr[Gpr.RDX] = high;
  }

  private patch(test: Case, offset: number, bytes: Uint8Array): void {
    if (test.patches.length < 2 && offset >= 0 && offset < WINDOW_BYTES) test.patches.push({ offset, bytes });
  }

  /** What the memory operand holds: edges of its size, or what makes a comparison succeed. */
  private contents({ gpr, codeOffset }: Case, { mnemonic, operandSize }: Instruction): Uint8Array {
    const { random } = this;
    const bytes = new Uint8Array(PATCH_BYTES);
    const view = new DataView(bytes.buffer);
    for (let at = 0; at < PATCH_BYTES; at += 8) view.setBigUint64(at, random.operand(), true);
    if (mnemonic === 'CMPXCHG' && random.chance(50)) view.setBigUint64(0, gpr[Gpr.RAX], true);
    if (mnemonic.startsWith('CMPXCHG') && random.chance(50)) {
      const half = operandSize === 8 || mnemonic === 'CMPXCHG16B' ? 8 : 4;
      view.setBigUint64(0, gpr[Gpr.RAX], true);
      view.setBigUint64(half, gpr[Gpr.RDX], true);
    }
    if (BRANCHES.has(mnemonic)) view.setBigUint64(0, this.codeTarget(codeOffset, 16), true);
    return bytes;
  }

  private stackContents({ mnemonic }: Instruction): Uint8Array {
    const { random } = this;
    const bytes = random.bytes(PATCH_BYTES);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, mnemonic === 'RET' ? this.codeTarget(0x40, 16) : random.operand(), true);
    // A trap after the next instruction would come before its exception on some processors and after it on others.
    if (mnemonic === 'POPF') bytes[1] &= ~(Flag.TF >> 8);
    return bytes;
  }

  /** Contents that repeat, so that comparisons go on for a while. */
  private patchStrings(test: Case, places: number[], window: number): void {
    const { random } = this;
    const pattern = random.chance(50) ? new Uint8Array(PATCH_BYTES).fill(random.next()) : random.bytes(PATCH_BYTES);
    if (random.chance(50)) pattern[random.below(PATCH_BYTES)] ^= 1;
    places.forEach((place) => this.patch(test, place - window, pattern));
    if (random.chance(50)) test.gpr[Gpr.RAX] = new DataView(pattern.buffer).getBigUint64(8, true);
  }

  /**
   * Makes the memory operand refer to `at` by a change of its base register, or of the displacement; at times to anywhere
   * else. Tells where.
   */
  private reach(test: Case, draft: Draft, memory: MemoryOperand, at: number): bigint {
    const { random } = this;
    const { gpr } = test;
    const { instruction } = draft;
    const { base, index, scale, displacement } = memory;
    const bits = 8 * instruction.addressSize;
    let segmentBase = 0n;
    if (!test.compatibility && memory.segment === Seg.FS) segmentBase = test.fsBase;
    if (!test.compatibility && memory.segment === Seg.GS) segmentBase = test.gsBase;
    let target = BigInt(at) - segmentBase;
    const operand = instruction.operands.at(1);
    // Where such an operand lies cannot be arranged; the EPYC at hand wants even its offset in FS or GS canonical.
    if (BIT_TESTS.has(instruction.mnemonic) && operand?.kind === 'register' && operand.register === base) {
      gpr[base] = this.upper(instruction.addressSize, WINDOW);
      return BigInt(WINDOW);
    }
    if (BIT_TESTS.has(instruction.mnemonic) && operand?.kind === 'register' && operand.register !== base) {
      // Bit offsets of some thousands, or any, reckoned back to where the operand begins.
      if (random.chance(70)) gpr[operand.register] = this.upper(operand.size, random.below(20000) - 10000);
      const offset = BigInt.asIntN(8 * operand.size, gpr[operand.register]);
      target -= (offset >> BigInt(Math.log2(8 * operand.size))) * BigInt(operand.size);
    }
    if (instruction.mnemonic === 'XLAT') target -= gpr[Gpr.RAX] & 0xffn;
    const elsewhere = random.chance(2);
    if (elsewhere) target = random.operand();
    const reached = elsewhere ? target + segmentBase : BigInt(at);
    const set = (register: number, value: bigint): void => {
      const low = BigInt.asUintN(bits, value);
      const keep = bits < 64 && random.chance(50);
      gpr[register] = keep ? ((gpr[register] >> BigInt(bits)) << BigInt(bits)) | low : low;
    };
    if (memory.ripRelative) {
      const next = BigInt(CODE + test.codeOffset + instruction.length);
      this.displace(draft, target - next, test.compatibility);
    } else if (base < 0) {
      if (index >= 0) set(index, BigInt(random.below(2000)));
      const scaled = index >= 0 ? gpr[index] << BigInt(scale) : 0n;
      this.displace(draft, BigInt.asUintN(bits, target - scaled), test.compatibility);
    } else if (base === index) {
      set(base, BigInt.asUintN(bits, target - displacement) / (1n + (1n << BigInt(scale))));
    } else {
      const scaled = index >= 0 ? gpr[index] << BigInt(scale) : 0n;
      set(base, target - displacement - scaled);
    }
    return reached;
  }

  /** Makes a gather take its elements from around the middle of the window. */
  private reachElements(test: Case, gather: GatherOperand, { mnemonic, addressSize }: Instruction): void {
    const { random } = this;
    const { base, index, scale, displacement, segment } = gather;
    const target = random.chance(90) ? WINDOW + 0xa00 + random.below(0xc00) : this.target(WINDOW);
    let value = BigInt(target) - displacement;
    if (!test.compatibility && segment === Seg.FS) value -= test.fsBase;
    if (!test.compatibility && segment === Seg.GS) value -= test.gsBase;
    if (base >= 0) test.gpr[base] = BigInt.asUintN(8 * addressSize, value);
    if (test.extended) gatherIndices(random, test.extended, index, /GATHERQ/.test(mnemonic) ? 8 : 4, scale);
  }

  private displace(draft: Draft, value: bigint, compatibility: boolean): void {
    // A memory offset (moffs) has no ModRM byte: it takes the rest of the instruction.
    const length = draft.displacementBytes || draft.bytes.length - draft.displacementAt;
    for (let i = 0; i < length; i++) draft.bytes[draft.displacementAt + i] = Number((value >> BigInt(8 * i)) & 0xffn);
    this.decodeAgain(draft, compatibility);
  }

  private decodeAgain(draft: Draft, compatibility: boolean): void {
    const instruction = decode(draft.bytes, 0, draft.bytes.length, compatibility ? 32 : 64);
    if (typeof instruction !== 'string') draft.instruction = instruction;
  }

  /** An address in the code, away from the case itself; at times one that cannot be executed. */
  private codeTarget(codeOffset: number, length: number): bigint {
    const { random } = this;
    if (random.chance(5)) return BigInt(WINDOW + random.below(0x1000));
    if (random.chance(5)) return random.operand();
    for (;;) {
      const offset = random.below(CODE_BYTES);
      if (offset < codeOffset - 2 || offset > codeOffset + length) return BigInt(CODE + offset);
    }
  }

  /** Points a branch to somewhere; false if it would come back to itself. */
  private aim(test: Case, draft: Draft): boolean {
    const { random } = this;
    const { instruction } = draft;
    const operand = instruction.operands.at(0);
    if (operand?.kind === 'register' && operand.register !== Number(Gpr.RSP)) {
      test.gpr[operand.register] = this.codeTarget(test.codeOffset, 16);
    }
    if (operand?.kind !== 'relative') return true;
    const next = CODE + test.codeOffset + instruction.length;
    const bytes = draft.bytes.length - draft.displacementAt;
    if (bytes > 1 && random.chance(90)) {
      const distance = Number(this.codeTarget(test.codeOffset, 16)) - next;
      for (let i = 0; i < bytes; i++) draft.bytes[instruction.length - bytes + i] = distance >> (8 * i);
      this.decodeAgain(draft, test.compatibility);
    }
    const relative = draft.instruction.operands.at(0);
    const landing = relative?.kind === 'relative' ? instruction.length + relative.displacement : 0;
    return landing < -2 || landing >= instruction.length;
  }

  /** Puts further instructions of the group after the first, which work on registers alone. */
  private repeatGroup(test: Case, { group, instruction }: Draft): void {
    const { random } = this;
    // A follower that branches forward would land within what is put after it.
    if (isApproximate(instruction.mnemonic) || test.instructions.length > 1) return;
    const choices = this.registerForms.get(formsKey(group, test.compatibility)) ?? [];
    if (choices.length === 0) return;
    for (let i = 1 + random.below(3); i > 0; i--) {
      const draft = this.draft(random.pick(choices), false);
      if (!draft || draft.instruction.operands.some(({ kind }) => kind === 'memory' || kind === 'gather')) continue;
      if (test.code.length + draft.bytes.length > 30 || test.codeOffset + test.code.length + 16 > CODE_BYTES) return;
      test.code = Uint8Array.from([...test.code, ...draft.bytes]);
      test.instructions.push(draft.instruction);
    }
  }

  /** Puts a second instruction after the first: one that takes up its flags or registers. */
  private follow(test: Case, pair: boolean): void {
    const { random } = this;
    const [first] = test.instructions;
    if (BRANCHES.has(first.mnemonic) || first.repeat !== 'none') return;
    if (test.extended && !SETS_FLAGS.test(first.mnemonic)) return;
    // The flags must be defined for it to take them up; AF is of interest to LAHF only.
    const follower = pair ? 'Jcc' : random.pick(FOLLOWERS);
    const irrelevant = follower === 'LAHF' ? 0 : Flag.AF;
    if (undefinedFlags(first, Number(test.gpr[Gpr.RCX] & 0xffn)) & ~irrelevant) return;
    const choices = this.followers.get(formsKey(follower, test.compatibility)) ?? [];
    if (choices.length === 0) return;
    const draft = this.draft(random.pick(choices), false);
    if (!draft || draft.instruction.operands.some((operand: Operand) => operand.kind === 'memory')) return;
    if (test.code.length + draft.bytes.length > 30 || test.codeOffset + test.code.length + 16 > CODE_BYTES) return;
    if (draft.instruction.mnemonic === 'Jcc') {
      const bytes = draft.bytes.length - draft.displacementAt;
      // Forward, beyond the end of the case.
      for (let i = 0; i < bytes; i++) draft.bytes[draft.bytes.length - bytes + i] = i === 0 ? 1 + random.below(100) : 0;
      this.decodeAgain(draft, test.compatibility);
    }
    test.code = Uint8Array.from([...test.code, ...draft.bytes]);
    test.instructions.push(draft.instruction);
  }
}
