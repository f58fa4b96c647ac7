/** AT&T mnemonics and what they mean in iced-x86's (Intel's) names: suffixes, synonyms, and the names of AT&T's own. */

/** One way to read a mnemonic as written. */
export interface Reading {
  /** iced-x86's name in lower case. */
  readonly mnemonic: string;
  /** AT&T suffix the form must have; empty for any. */
  readonly suffix: string;
  readonly sourceSuffix: string;
  /** Size of a vector in memory: x, y or z. */
  readonly vectorSuffix: 'x' | 'y' | 'z' | undefined;
  /** What else must hold. */
  readonly only: 'far' | 'near' | 'movabs' | 'reversed' | undefined;
  /** Immediate that comes first among the operands, from names such as cmpltsd. */
  readonly predicate: number | undefined;
}

const CONDITIONS: Readonly<Record<string, string>> = {
  c: 'b',
  nae: 'b',
  nb: 'ae',
  nc: 'ae',
  z: 'e',
  nz: 'ne',
  na: 'be',
  nbe: 'a',
  pe: 'p',
  po: 'np',
  nge: 'l',
  nl: 'ge',
  ng: 'le',
  nle: 'g',
};

/** Names whose meaning depends on nothing. */
const SYNONYMS: Readonly<Record<string, string>> = {
  cbtw: 'cbw',
  cwtl: 'cwde',
  cltq: 'cdqe',
  cwtd: 'cwd',
  cltd: 'cdq',
  cqto: 'cqo',
  sal: 'shl',
  loopz: 'loope',
  loopnz: 'loopne',
  ud2a: 'ud2',
  ud2b: 'ud1',
  icebp: 'int1',
  xlat: 'xlatb',
  sysretl: 'sysret',
  sysexitl: 'sysexit',
  iretw: 'iret',
  iretl: 'iretd',
  iret: 'iretd',
  pushfw: 'pushf',
  pushfl: 'pushfd',
  popfw: 'popf',
  popfl: 'popfd',
  pushaw: 'pusha',
  pushal: 'pushad',
  popaw: 'popa',
  popal: 'popad',
  pusha: 'pushad',
  popa: 'popad',
  fxsaveq: 'fxsave64',
  fxrstorq: 'fxrstor64',
  xsaveq: 'xsave64',
  xrstorq: 'xrstor64',
  insl: 'insd',
  outsl: 'outsd',
  movsl: 'movsd',
  cmpsl: 'cmpsd',
  scasl: 'scasd',
  stosl: 'stosd',
  lodsl: 'lodsd',
  ins: 'insd',
  outs: 'outsd',
  movs: 'movsd',
  cmps: 'cmpsd',
  scas: 'scasd',
  stos: 'stosd',
  lods: 'lodsd',
  fwait: 'wait',
  prefetch: 'prefetch',
  smov: 'movsd',
  ssca: 'scasd',
  scmp: 'cmpsd',
  slod: 'lodsd',
  ssto: 'stosd',
};

const STRING_BY_ACCUMULATOR = new Set(['ins', 'outs', 'movs', 'cmps', 'scas', 'stos', 'lods']);
const STRING_WIDTHS = ['b', 'w', 'd', 'q'];
const PREDICATES = ['eq', 'lt', 'le', 'unord', 'neq', 'nlt', 'nle', 'ord'];
const REVERSED: Readonly<Record<string, string>> = {
  fsub: 'fsubr',
  fsubr: 'fsub',
  fdiv: 'fdivr',
  fdivr: 'fdiv',
  fsubp: 'fsubrp',
  fsubrp: 'fsubp',
  fdivp: 'fdivrp',
  fdivrp: 'fdivp',
};

/** Prefixes that may stand before an instruction, or alone. */
export const PREFIXES: Readonly<Record<string, number>> = {
  lock: 0xf0,
  rep: 0xf3,
  repe: 0xf3,
  repz: 0xf3,
  repne: 0xf2,
  repnz: 0xf2,
  xacquire: 0xf2,
  xrelease: 0xf3,
  bnd: 0xf2,
  notrack: 0x3e,
  cs: 0x2e,
  ds: 0x3e,
  es: 0x26,
  fs: 0x64,
  gs: 0x65,
  ss: 0x36,
  data16: 0x66,
  data32: 0x66,
  addr16: 0x67,
  addr32: 0x67,
};

/** `rex`, `rex.w`, `rex.wrxb`, `rex64`: the REX byte; `undefined` for anything else. */
export function rexPrefix(name: string): number | undefined {
  if (name === 'rex64') return 0x48;
  const match = /^rex(?:\.(w?)(r?)(x?)(b?))?$/.exec(name);
  if (match === null) return undefined;
  return 0x40 | (match[1] ? 8 : 0) | (match[2] ? 4 : 0) | (match[3] ? 2 : 0) | (match[4] ? 1 : 0);
}

/** All readings of a mnemonic; `known` tells which of Intel's exist. */
export function readings(written: string, bits: 32 | 64, known: (mnemonic: string) => boolean): Reading[] {
  const name = written.toLowerCase();
  const result: Reading[] = [];
  const add = (mnemonic: string, rest: Partial<Reading> = {}): void => {
    if (!known(mnemonic)) return;
    result.push({
      mnemonic,
      suffix: '',
      sourceSuffix: '',
      vectorSuffix: undefined,
      only: undefined,
      predicate: undefined,
      ...rest,
    });
    const reversed = REVERSED[mnemonic];
    if (reversed !== undefined) result.push({ ...result[result.length - 1], mnemonic: reversed, only: 'reversed' });
  };
  special(name, bits, add);
  if (result.length > 0) return result;
  exact(name, '', add);
  const suffix = name.slice(-1);
  if (/[bwlqst]$/.test(name)) exact(name.slice(0, -1), suffix, add);
  const vector = /^(v\w+)([xyz])$/.exec(name);
  if (vector !== null) add(vector[1], { vectorSuffix: vector[2] as 'x' | 'y' | 'z' });
  if (name.endsWith('ll')) exact(name.slice(0, -2), 'q', add);
  return result;
}

type Add = (mnemonic: string, rest?: Partial<Reading>) => void;

function special(name: string, bits: 32 | 64, add: Add): void {
  const flags = /^(pushf|popf)$/.exec(name);
  if (flags !== null) return add(name + (bits === 64 ? 'q' : 'd'));
  const absolute = /^movabs([bwlq])?$/.exec(name);
  if (absolute !== null) return add('mov', { only: 'movabs', suffix: absolute[1] ?? '' });
  const far = /^l(jmp|call|ret)([wlq])?$/.exec(name);
  if (far !== null) {
    const rest = { only: 'far', suffix: far[2] ?? '' } as const;
    return add(far[1] === 'ret' ? 'retf' : far[1], rest);
  }
  const extend = /^mov([sz])([bwl])([wlq])$/.exec(name);
  if (extend !== null && !(extend[1] === 'z' && extend[2] === 'l')) {
    const mnemonic = extend[2] === 'l' ? 'movsxd' : extend[1] === 's' ? 'movsx' : 'movzx';
    return add(mnemonic, { sourceSuffix: extend[2], suffix: extend[3] });
  }
  const wide = /^mov([sz])x([bw])$/.exec(name);
  if (wide !== null) return add(`mov${wide[1]}x`, { sourceSuffix: wide[2] });
  const explicit = /^(v?pcmpestr[im])q$/.exec(name);
  if (explicit !== null) return add(`${explicit[1]}64`);
  if (name === 'movzb' || name === 'movzw') return add('movzx', { sourceSuffix: name.slice(-1) });
  if (name === 'movsx') {
    add('movsx');
    return add('movsxd');
  }
  if (name === 'movsb' || name === 'movsw') {
    add(name);
    return add('movsx', { sourceSuffix: name.slice(-1) });
  }
  if (name === 'movsl') {
    add('movsd');
    return add('movsxd', { sourceSuffix: 'l' });
  }
  if (name === 'movd') {
    add('movd');
    return add('movq');
  }
  if (STRING_BY_ACCUMULATOR.has(name)) {
    for (const width of STRING_WIDTHS) add(name + width);
    return;
  }
  const compare = /^(v?)cmp(eq|lt|le|unord|neq|nlt|nle|ord)([ps][sd])$/.exec(name);
  if (compare !== null) {
    return add(`${compare[1] ?? ''}cmp${compare[3] ?? ''}`, { predicate: PREDICATES.indexOf(compare[2]) });
  }
  const carryless = /^(v?)pclmul([lh])q([lh])qdq$/.exec(name);
  if (carryless !== null) {
    const predicate = (carryless[2] === 'h' ? 1 : 0) | (carryless[3] === 'h' ? 0x10 : 0);
    add(`${carryless[1] ?? ''}pclmulqdq`, { predicate });
  }
}

function exact(name: string, suffix: string, add: Add): void {
  const near = { suffix, only: name === 'jmp' || name === 'call' ? ('near' as const) : undefined };
  const synonym = suffix === '' ? SYNONYMS[name] : name === 'sal' ? 'shl' : undefined;
  if (synonym !== undefined) return add(synonym, near);
  const conditional = /^(j|set|cmov)(\w+)$/.exec(name);
  const condition = conditional === null ? undefined : CONDITIONS[conditional[2]];
  if (conditional !== null && condition !== undefined) return add(conditional[1] + condition, near);
  add(name, near);
}

/** AT&T names to compare a misspelt mnemonic with. */
export function attNames(icedNames: Iterable<string>): string[] {
  const names = [...icedNames, ...Object.keys(SYNONYMS), ...Object.keys(PREFIXES), 'movabs', 'ljmp', 'lcall', 'lret'];
  for (const extension of ['movzbl', 'movzbw', 'movzbq', 'movzwl', 'movzwq', 'movsbl', 'movsbq', 'movswl', 'movslq'])
    names.push(extension);
  for (const base of [
    'mov',
    'add',
    'sub',
    'cmp',
    'test',
    'and',
    'or',
    'xor',
    'lea',
    'push',
    'pop',
    'call',
    'jmp',
    'ret',
    'inc',
    'dec',
    'shl',
    'shr',
    'sar',
    'xchg',
    'neg',
    'not',
  ]) {
    for (const suffix of 'bwlq') names.push(base + suffix);
  }
  for (const condition of Object.keys(CONDITIONS)) names.push(`j${condition}`, `set${condition}`, `cmov${condition}`);
  return names;
}
