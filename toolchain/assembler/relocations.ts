/** Fills in what depends on addresses, and writes relocations for what only the linker can know (psABI 4.4). */
import type { Relocation } from '../elf/object';
import { isConstant, reduce, type Value } from './expressions';
import { labelOffset, laidOutDistance, sectionOf } from './layout';
import { StatementError } from './scanner';
import { SHF_MERGE, SHF_TLS, writeInteger, type Fixup, type Fragment } from './sections';
import type { AsmSymbol } from './symbols';
import type { Complain } from './relaxation';

/** R_X86_64_… (psABI table 4.9) */
export const R = {
  none: 0,
  '64': 1,
  pc32: 2,
  got32: 3,
  plt32: 4,
  gotpcrel: 9,
  '32': 10,
  '32s': 11,
  '16': 12,
  pc16: 13,
  '8': 14,
  pc8: 15,
  dtpoff64: 17,
  tpoff64: 18,
  tlsgd: 19,
  tlsld: 20,
  dtpoff32: 21,
  gottpoff: 22,
  tpoff32: 23,
  pc64: 24,
  gotoff64: 25,
  gotpc32: 26,
  size32: 32,
  size64: 33,
  gotpcrelx: 41,
  rexGotpcrelx: 42,
} as const;

/** Relocation for `symbol@MODIFIER`, by the size of the field. */
const MODIFIERS: Readonly<Record<string, Readonly<Record<number, number>>>> = {
  '@PLT': { 4: R.plt32 },
  '@GOTPCREL': { 4: R.gotpcrel },
  '@GOT': { 4: R.got32 },
  '@GOTOFF': { 8: R.gotoff64 },
  '@TPOFF': { 4: R.tpoff32, 8: R.tpoff64 },
  '@DTPOFF': { 4: R.dtpoff32, 8: R.dtpoff64 },
  '@GOTTPOFF': { 4: R.gottpoff },
  '@TLSGD': { 4: R.tlsgd },
  '@TLSLD': { 4: R.tlsld },
  '@SIZE': { 4: R.size32, 8: R.size64 },
};

const ABSOLUTE: Readonly<Record<number, number>> = { 1: R['8'], 2: R['16'], 4: R['32'], 8: R['64'] };
const RELATIVE: Readonly<Record<number, number>> = { 1: R.pc8, 2: R.pc16, 4: R.pc32, 8: R.pc64 };

/** Resolves one fixup: writes into `contents` and returns the relocation that is left, if any. */
export function resolveFixup(
  fixup: Fixup,
  fragment: Fragment,
  contents: Uint8Array,
  complain: Complain,
): Relocation | undefined {
  try {
    return resolve(fixup, fragment, contents);
  } catch (error) {
    if (!(error instanceof StatementError)) throw error;
    complain(fixup.line, error.message, error.start, error.end);
    return undefined;
  }
}

function resolve(fixup: Fixup, fragment: Fragment, contents: Uint8Array): Relocation | undefined {
  const isRelative = fixup.kind === 'relative' || fixup.kind === 'branch' || fixup.kind === 'call';
  const value = reduce(fixup.expression, laidOutDistance, (symbol) => keepsName(symbol, isRelative));
  if (value === undefined) {
    throw new StatementError(
      'this expression has no value the linker could compute: at most symbol - symbol + number',
      fixup.start,
      fixup.end,
    );
  }
  const offset = fragment.address + fixup.offset;
  if (value.modifier === '@PLT' && isRelative)
    return resolveRelative({ ...fixup, kind: 'call', usesPlt: true }, value, fragment, offset, contents);
  if (value.modifier !== undefined && value.add !== undefined) return modified(fixup, value, value.add, offset);
  if (isRelative) return resolveRelative(fixup, value, fragment, offset, contents);
  if (isConstant(value)) {
    checkRange(fixup, value.number);
    writeInteger(contents, offset, value.number, fixup.size);
    return undefined;
  }
  if (value.sub !== undefined) {
    if (value.add !== undefined && sectionOf(value.sub) === fragment.section) {
      const addend = value.number + BigInt(offset - (labelOffset(value.sub) as number));
      return relocation(offset, relocationType(RELATIVE, fixup), value.add, addend, true);
    }
    const missing = [value.add, value.sub].find((symbol) => symbol !== undefined && symbol.definition === undefined);
    throw new StatementError(
      missing === undefined
        ? 'this difference of symbols in different sections cannot be computed'
        : `'${missing.name}' is not defined, so this difference cannot be computed`,
      fixup.start,
      fixup.end,
    );
  }
  const type = fixup.kind === 'signed' ? R['32s'] : relocationType(ABSOLUTE, fixup);
  return relocation(offset, type, value.add as AsmSymbol, value.number, false);
}

function resolveRelative(
  fixup: Fixup,
  value: Value,
  fragment: Fragment,
  offset: number,
  contents: Uint8Array,
): Relocation | undefined {
  const { add, sub } = value;
  if (sub !== undefined) {
    throw new StatementError('a target relative to RIP cannot be a difference of symbols', fixup.start, fixup.end);
  }
  const addend = value.number - BigInt(fixup.bias);
  if (add === undefined) {
    return { offset, type: relocationType(RELATIVE, fixup), symbol: '', againstSection: false, addend };
  }
  const isHere = sectionOf(add) === fragment.section;
  const isReplaceable = add.type === 'ifunc' || (add.isExternal && (fixup.kind !== 'branch' || add.isWeak));
  if (isHere && !isReplaceable) {
    const displacement = BigInt((labelOffset(add) as number) - offset) + addend;
    const bits = BigInt(8 * fixup.size - 1);
    if (displacement < -(1n << bits) || displacement >= 1n << bits) {
      throw new StatementError(
        `the target is ${displacement.toString()} bytes away, but this instruction reaches only ${fixup.size === 1 ? '-128 to 127' : `${8 * fixup.size} bits`}`,
        fixup.start,
        fixup.end,
      );
    }
    writeInteger(contents, offset, displacement, fixup.size);
    return undefined;
  }
  const external = add.isExternal || add.definition === undefined;
  const type = fixup.usesPlt === true && external && fixup.size === 4 ? R.plt32 : relocationType(RELATIVE, fixup);
  return relocation(offset, type, add, addend, true);
}

function modified(fixup: Fixup, value: Value, add: AsmSymbol, offset: number): Relocation {
  const modifier = value.modifier as string;
  let type = MODIFIERS[modifier]?.[fixup.size];
  if (type === undefined) {
    throw new StatementError(
      `'${modifier.toLowerCase()}' is not understood in a field of ${fixup.size} bytes`,
      fixup.start,
      fixup.end,
    );
  }
  if (modifier === '@GOTPCREL' && value.number === 0n) {
    if (fixup.relaxableGot === 'plain') type = R.gotpcrelx;
    if (fixup.relaxableGot === 'rex') type = R.rexGotpcrelx;
  }
  add.isUsed = true;
  return { offset, type, symbol: add.name, againstSection: false, addend: value.number - BigInt(fixup.bias) };
}

function relocationType(types: Readonly<Record<number, number>>, fixup: Fixup): number {
  const type = types[fixup.size];
  if (type === undefined) {
    throw new StatementError(`a field of ${fixup.size} bytes cannot hold an address`, fixup.start, fixup.end);
  }
  return type;
}

/** True if a relocation must name the symbol itself: others may define it, or its section is rearranged by the linker. */
function keepsName(symbol: AsmSymbol, isRelative: boolean): boolean {
  if (symbol.isExternal || symbol.type === 'ifunc') return true;
  const flags = sectionOf(symbol)?.attributes.flags ?? 0;
  return (flags & SHF_TLS) !== 0 || (isRelative && (flags & SHF_MERGE) !== 0 && !symbol.isInternal);
}

/** A relocation against the symbol, or against its section if as would name that. */
function relocation(offset: number, type: number, symbol: AsmSymbol, addend: bigint, isRelative: boolean): Relocation {
  const section = sectionOf(symbol);
  if (section !== undefined && !keepsName(symbol, isRelative)) {
    return {
      offset,
      type,
      symbol: section.name,
      againstSection: true,
      addend: addend + BigInt(labelOffset(symbol) as number),
    };
  }
  symbol.isUsed = true;
  return { offset, type, symbol: symbol.name, againstSection: false, addend };
}

function checkRange(fixup: Fixup, value: bigint): void {
  if (fixup.size >= 8) return;
  const bits = BigInt(8 * fixup.size);
  const high = fixup.kind === 'signed' ? 1n << (bits - 1n) : 1n << bits;
  if (value >= -(1n << (bits - 1n)) && value < high) return;
  throw new StatementError(
    `the value ${value.toString()} does not fit in ${fixup.size} byte${fixup.size === 1 ? '' : 's'}`,
    fixup.start,
    fixup.end,
  );
}
