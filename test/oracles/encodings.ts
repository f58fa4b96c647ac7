/** The encodings of which cases are made: every cell of the opcode maps that holds an instruction to be compared. */
import { decode, type Instruction } from '../../emulator';
import { definitions } from '../../emulator/isa/semantics';
import { requiredFeatures } from '../../emulator/isa/features';
import { formOf } from './coverage';
import { type Group, GROUP_FEATURES, groupOf } from './groups';

/** A cell of an opcode map under one prefix, with one row of its group. */
export interface Encoding {
  readonly mnemonic: string;
  readonly compatibility: boolean;
  /** 66, F3 or F2, which takes part in choosing the instruction; 0 for none. Under VEX it is the pp field. */
  readonly mandatory: number;
  /** 0F, 0F 38 and the like. */
  readonly escape: readonly number[];
  /** Map number (1 for 0F, 2 for 0F 38, 3 for 0F 3A) of a VEX encoding, else 0. */
  readonly vexMap: number;
  /** VEX.L and VEX.W, if it is a VEX encoding. */
  readonly vexL: number;
  readonly vexW: number;
  readonly opcode: number;
  /** Whether REX.W makes it what it is. */
  readonly wide: boolean;
  /** ModRM.reg, and whether ModRM.rm is memory: of importance only if the instruction has a ModRM byte. */
  readonly reg: number;
  readonly memory: boolean;
  /** ModRM.rm, if it takes part in choosing the instruction; else -1. */
  readonly rm: number;
  /** Whether the byte after the opcode is a ModRM byte. */
  readonly modrm: boolean;
  /** Whether VEX.vvvv names an operand. */
  readonly vvvv: boolean;
  readonly group: Group;
  /** See `formOf`. */
  readonly form: string;
  /** Features it needs, by the names of the manuals. */
  readonly features: readonly string[];
}

/** Architectural routines that a user program can execute with the same effect on every system. */
const UNPRIVILEGED = [
  ...['AAA', 'AAD', 'AAM', 'AAS', 'DAA', 'DAS', 'SALC', 'ENTER', 'BOUND', 'POPF'],
  ...['RDFSBASE', 'RDGSBASE', 'WRFSBASE', 'WRGSBASE', 'UD0', 'UD1', 'UD2'],
];

/** Instructions that raise #GP, or #UD, at CPL 3. */
const PRIVILEGED = [
  ...[
    'CLI',
    'STI',
    'HLT',
    'CLTS',
    'LGDT',
    'LIDT',
    'LLDT',
    'LTR',
    'LMSW',
    'INVLPG',
    'INVD',
    'WBINVD',
    'MOV_CR',
    'MOV_DR',
  ],
  ...['RDMSR', 'WRMSR', 'IN', 'OUT', 'INS', 'OUTS', 'CLAC', 'STAC', 'SWAPGS', 'XSETBV', 'XSAVES', 'XRSTORS'],
];

/**
 * SYSCALL would reach the system this runs on; SYSRET exists in compatibility mode with AMD's processors alone; IRET depends
 * on the system's descriptors.
 */
const NOT_COMPARED = new Set(['SYSCALL', 'SYSRET', 'IRET']);

const COMPARED = new Set(
  [...definitions.map(({ mnemonic }) => mnemonic), ...UNPRIVILEGED, ...PRIVILEGED].filter(
    (mnemonic) => !NOT_COMPARED.has(mnemonic),
  ),
);

/** Names of features in /proc/cpuinfo where they are not those of the manuals in small letters. */
const LINUX_FEATURES: Readonly<Record<string, string>> = { LZCNT: 'abm', SHA: 'sha_ni', SSE3: 'pni' };

const MAPS = [
  { escape: [], vexMap: 0 },
  { escape: [0x0f], vexMap: 0 },
  { escape: [0x0f, 0x38], vexMap: 0 },
  { escape: [0x0f, 0x3a], vexMap: 0 },
  { escape: [], vexMap: 1 },
  { escape: [], vexMap: 2 },
  { escape: [], vexMap: 3 },
] as const;
/** Prefixes and the escapes are no opcodes. */
const NO_OPCODES = new Set([0x0f, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xc4, 0xc5, 0xf0, 0xf2, 0xf3]);

/** pp of VEX by mandatory prefix. */
export const VEX_PP: Readonly<Record<number, number>> = { 0: 0, 0x66: 1, 0xf3: 2, 0xf2: 3 };

/** Values of VEX.L and VEX.W together; without VEX there is only one. */
const VEX_BITS = [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
] as const;

/** All encodings a processor with these features (as named in /proc/cpuinfo) executes, by mnemonic. */
export function encodings(
  processor: ReadonlySet<string>,
  groups: ReadonlySet<Group> | undefined = undefined,
): Map<string, Encoding[]> {
  const result = new Map<string, Encoding[]>();
  const wanted = (group: Group): boolean =>
    (groups?.has(group) ?? true) && GROUP_FEATURES[group].every((name) => processor.has(name));
  for (const opcode of opcodes()) {
    for (const one of formsOf(opcode)) {
      const { mnemonic, group } = one;
      if (group === 'integer' && !COMPARED.has(mnemonic)) continue;
      if (!wanted(group) || !one.features.every((feature) => processorHas(processor, feature))) continue;
      const list = result.get(mnemonic) ?? [];
      result.set(mnemonic, list);
      list.push(one);
    }
  }
  return result;
}

/** Whether a processor has a feature, given the names in /proc/cpuinfo. */
export function processorHas(processor: ReadonlySet<string>, feature: string): boolean {
  return processor.has(LINUX_FEATURES[feature] ?? feature.toLowerCase());
}

/** What an encoding is before a look at ModRM. */
type Opcode = Pick<Encoding, 'compatibility' | 'mandatory' | 'escape' | 'vexMap' | 'vexL' | 'vexW' | 'opcode'>;

function* opcodes(): Generator<Opcode> {
  for (const compatibility of [false, true]) {
    for (const map of MAPS) {
      const legacyOneByte = map.escape.length === 0 && map.vexMap === 0;
      for (const [vexL, vexW] of map.vexMap === 0 ? VEX_BITS.slice(0, 1) : VEX_BITS) {
        for (const mandatory of [0, 0x66, 0xf3, 0xf2]) {
          for (let opcode = 0; opcode < 256; opcode++) {
            if (legacyOneByte && NO_OPCODES.has(opcode)) continue;
            if (!compatibility && legacyOneByte && opcode >> 4 === 4) continue;
            yield { compatibility, mandatory, ...map, vexL, vexW, opcode };
          }
        }
      }
    }
  }
}

/** The encodings under one opcode. */
function formsOf(opcode: Opcode): Encoding[] {
  const forms: Encoding[] = [];
  const narrow = opcodeBytes(opcode, 0);
  // With REX.W most have other operands, and some are another instruction (CMPXCHG16B).
  const wide = opcode.compatibility || opcode.vexMap !== 0 ? undefined : opcodeBytes(opcode, 1);
  const rms = choosesByRm(opcode) ? EVERY_RM : ANY_RM;
  for (let reg = 0; reg < 8; reg++) {
    for (const memory of [false, true]) {
      for (const rm of memory ? ANY_RM : rms) {
        const found = probe(opcode, narrow, reg, memory ? -1 : Math.max(rm, 0));
        if (found) forms.push({ ...opcode, wide: false, reg, memory, rm, ...found });
        const other = wide && probe(opcode, wide, reg, memory ? -1 : Math.max(rm, 0));
        if (other && other.form !== found?.form) forms.push({ ...opcode, wide: true, reg, memory, rm, ...other });
      }
    }
  }
  return forms;
}

const EVERY_RM = [0, 1, 2, 3, 4, 5, 6, 7];
const ANY_RM = [-1];

/** x87 and 0F 01, where ModRM.rm is part of the opcode in some rows. */
function choosesByRm({ escape, vexMap, opcode }: Opcode): boolean {
  return vexMap === 0 && (escape.length === 0 ? opcode >> 3 === 0x1b : escape.length === 1 && opcode === 1);
}

type Probed = Pick<Encoding, 'mnemonic' | 'modrm' | 'group' | 'vvvv' | 'form' | 'features'>;

/** What the encoding with these opcode bytes is; undefined if there is no such instruction. `rm` is -1 for memory. */
function probe(opcode: Opcode, bytes: readonly number[], reg: number, rm: number): Probed | undefined {
  const vex = opcode.vexMap !== 0;
  // With VEX: first no register in vvvv, then one that is not the one of ModRM.reg or of the index (gathers want that).
  const other = (reg + 2) & 7;
  let vvvv = 0;
  let found = decodeWith(opcode, bytes, reg, rm, vvvv);
  if (vex) {
    const withRegister = decodeWith(opcode, bytes, reg, rm, other);
    if (withRegister) vvvv = other;
    found = withRegister ?? found;
  }
  if (!found) return undefined;
  // A ModRM byte shows in the length: mod 0 has no displacement, mod 2 has one. What exists with registers only has no
  // immediate, but for some vector instructions: those all have a ModRM byte.
  const [short, long] = [0, 0x80].map((mod) => decodeWith(opcode, bytes, reg, -1, vvvv, mod));
  const modrm = short && long ? short.length !== long.length : found.length > bytes.length;
  return {
    mnemonic: found.mnemonic,
    modrm,
    group: groupOf(found, vex),
    vvvv: vvvv !== 0,
    form: formOf(found),
    features: requiredFeatures(found),
  };
}

/** Longer than an instruction, so that the decoder need not copy it. */
const scratch = new Uint8Array(64);

/** `rm` is -1 for memory, which then has a SIB byte with an index that is not `reg`. */
function decodeWith(
  { compatibility, vexMap }: Opcode,
  bytes: readonly number[],
  reg: number,
  rm: number,
  vvvv: number,
  mod = rm < 0 ? 0 : 0xc0,
): Instruction | undefined {
  for (let i = 0; i < bytes.length; i++) scratch[i] = bytes[i];
  if (vexMap !== 0) scratch[2] ^= vvvv << 3;
  scratch[bytes.length] = mod | (reg << 3) | (rm < 0 ? 4 : rm);
  scratch[bytes.length + 1] = ((reg + 1) & 7) << 3;
  scratch.fill(0, bytes.length + 2, 16);
  const result = decode(scratch, 0, scratch.length, compatibility ? 32 : 64);
  return typeof result === 'string' ? undefined : result;
}

/** The register extensions of REX or VEX. */
export interface Extensions {
  readonly r: number;
  readonly x: number;
  readonly b: number;
  readonly w: number;
  readonly vvvv: number;
}

/** Mandatory prefix, REX or VEX if need be, and opcode. */
function opcodeBytes(opcode: Opcode, w: number): number[] {
  const { vexMap, mandatory, escape } = opcode;
  if (vexMap !== 0) return [...vexBytes(opcode, { r: 0, x: 0, b: 0, w, vvvv: 0 }), opcode.opcode];
  return [...(mandatory ? [mandatory] : []), ...(w ? [0x48] : []), ...escape, opcode.opcode];
}

/** The three-byte VEX prefix (SDM vol. 2, figure 2-9). */
export function vexBytes(
  { vexMap, mandatory, vexL, vexW }: Pick<Encoding, 'vexMap' | 'mandatory' | 'vexL' | 'vexW'>,
  { r, x, b, vvvv }: Extensions,
): number[] {
  const inverted = ((r ^ 1) << 7) | ((x ^ 1) << 6) | ((b ^ 1) << 5);
  return [0xc4, inverted | vexMap, (vexW << 7) | ((~vvvv & 15) << 3) | (vexL << 2) | VEX_PP[mandatory]];
}

/** The two-byte VEX prefix, for map 1 without X, B and W. */
export function shortVexBytes(
  { mandatory, vexL }: Pick<Encoding, 'mandatory' | 'vexL'>,
  { r, vvvv }: Extensions,
): number[] {
  return [0xc5, ((r ^ 1) << 7) | ((~vvvv & 15) << 3) | (vexL << 2) | VEX_PP[mandatory]];
}
