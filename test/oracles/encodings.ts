/** The encodings of which cases are made: every cell of the opcode maps that holds an instruction to be compared. */
import { decode, type Instruction } from '../../emulator';
import { definitions } from '../../emulator/isa/semantics';
import { requiredFeature } from '../../emulator/isa/features';

/** A cell of an opcode map under one prefix, with one row of its group. */
export interface Encoding {
  readonly mnemonic: string;
  readonly compatibility: boolean;
  /** 66, F3 or F2, which takes part in choosing the instruction; 0 for none. Under VEX it is the pp field. */
  readonly mandatory: number;
  /** 0F, 0F 38 and the like. */
  readonly escape: readonly number[];
  /** Map number (2 for 0F 38, 3 for 0F 3A) of a VEX encoding, else 0. */
  readonly vexMap: number;
  readonly opcode: number;
  /** ModRM.reg, and whether ModRM.rm is memory: of importance only if the instruction has a ModRM byte. */
  readonly reg: number;
  readonly memory: boolean;
  /** Whether the byte after the opcode is a ModRM byte. */
  readonly modrm: boolean;
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
  ...['RDMSR', 'WRMSR', 'IN', 'OUT', 'INS', 'OUTS', 'CLAC', 'STAC', 'SWAPGS', 'XSETBV'],
];

const COMPARED = new Set([...definitions.map(({ mnemonic }) => mnemonic), ...UNPRIVILEGED, ...PRIVILEGED]);

/** Names of features in /proc/cpuinfo where they are not those of the manuals in small letters. */
const LINUX_FEATURES: Readonly<Record<string, string>> = { LZCNT: 'abm', CLFLUSHOPT: 'clflushopt' };

const MAPS = [
  { escape: [], vexMap: 0 },
  { escape: [0x0f], vexMap: 0 },
  { escape: [0x0f, 0x38], vexMap: 0 },
  { escape: [], vexMap: 2 },
  { escape: [], vexMap: 3 },
] as const;
/** Prefixes and the escapes are no opcodes. */
const NO_OPCODES = new Set([0x0f, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xc4, 0xc5, 0xf0, 0xf2, 0xf3]);

/** pp of VEX by mandatory prefix. */
export const VEX_PP: Readonly<Record<number, number>> = { 0: 0, 0x66: 1, 0xf3: 2, 0xf2: 3 };

/** All encodings a processor with these features (as named in /proc/cpuinfo) executes, by mnemonic. */
export function encodings(processor: ReadonlySet<string>): Map<string, Encoding[]> {
  const result = new Map<string, Encoding[]>();
  for (const compatibility of [false, true]) {
    for (const { escape, vexMap } of MAPS) {
      for (const mandatory of [0, 0x66, 0xf3, 0xf2]) {
        for (let opcode = 0; opcode < 256; opcode++) {
          if (escape.length === 0 && vexMap === 0 && NO_OPCODES.has(opcode)) continue;
          if (!compatibility && escape.length === 0 && vexMap === 0 && opcode >> 4 === 4) continue;
          for (let reg = 0; reg < 8; reg++) {
            for (const memory of [false, true]) {
              const partial = { compatibility, mandatory, escape, vexMap, opcode, reg, memory };
              // With REX.W some are another instruction (CMPXCHG16B); which it is to be is left to chance.
              const [found, wide] = [probe(partial, 0), compatibility ? undefined : probe(partial, 1)];
              const both = wide && wide.mnemonic !== found?.mnemonic ? [found, wide] : [found];
              for (const one of both) {
                if (!one || !COMPARED.has(one.mnemonic) || !has(processor, one.mnemonic)) continue;
                const list = result.get(one.mnemonic) ?? [];
                result.set(one.mnemonic, list);
                list.push({ ...partial, ...one });
              }
            }
          }
        }
      }
    }
  }
  return result;
}

function has(processor: ReadonlySet<string>, mnemonic: string): boolean {
  const feature = requiredFeature(mnemonic);
  return feature === undefined || processor.has(LINUX_FEATURES[feature] ?? feature.toLowerCase());
}

type Bare = Omit<Encoding, 'mnemonic' | 'modrm'>;

/** What the encoding is; undefined if there is no such instruction. */
function probe(encoding: Bare, w: number): { mnemonic: string; modrm: boolean } | undefined {
  const found = decodeWith(encoding, w, encoding.memory ? 0x00 : 0xc0);
  if (!found) return undefined;
  // A ModRM byte shows in the length: mod 0 has no displacement, mod 2 has one. What exists with registers only has no
  // immediate.
  const [short, long] = [decodeWith(encoding, w, 0x00), decodeWith(encoding, w, 0x80)];
  const modrm = short && long ? short.length !== long.length : found.length > opcodeBytes(encoding, w).length;
  return { mnemonic: found.mnemonic, modrm };
}

function decodeWith(encoding: Bare, w: number, mod: number): Instruction | undefined {
  const opcode = opcodeBytes(encoding, w);
  const bytes = Uint8Array.from([...opcode, mod | (encoding.reg << 3), ...Array<number>(12).fill(0)]);
  const result = decode(bytes, 0, bytes.length, encoding.compatibility ? 32 : 64);
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
function opcodeBytes(encoding: Bare, w: number): number[] {
  const { vexMap, mandatory, escape, opcode } = encoding;
  if (vexMap !== 0) return [...vexBytes(encoding, { r: 0, x: 0, b: 0, w, vvvv: 0 }), opcode];
  return [...(mandatory ? [mandatory] : []), ...(w ? [0x48] : []), ...escape, opcode];
}

/** The three-byte VEX prefix (SDM vol. 2, figure 2-9). */
export function vexBytes(
  { vexMap, mandatory }: Pick<Encoding, 'vexMap' | 'mandatory'>,
  { r, x, b, w, vvvv }: Extensions,
): number[] {
  const inverted = ((r ^ 1) << 7) | ((x ^ 1) << 6) | ((b ^ 1) << 5);
  return [0xc4, inverted | vexMap, (w << 7) | ((~vvvv & 15) << 3) | VEX_PP[mandatory]];
}
