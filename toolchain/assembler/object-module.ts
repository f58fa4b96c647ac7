/** Turns a finished assembly into the module that is linked or written as ELF. */
import type { LineRow, ObjectModule, Relocation, Section, Symbol } from '../elf/object';
import { locationAt, type SourceLine } from '../preprocessor';
import type { Assembly } from './assembly';
import { isConstant, reduce, type Expression } from './expressions';
import { laidOutDistance, labelOffset, sectionOf } from './layout';
import { nopFill } from './nops';
import { leb128, relax, type Complain } from './relaxation';
import { resolveFixup } from './relocations';
import { StatementError } from './scanner';
import { SHF_TLS, type AsmSection, type Fixup, type Fragment, type JumpTail, type Place } from './sections';
import type { AsmSymbol } from './symbols';

/** Sections with contents end here: a slip such as `.org 0x7fffffff` must not exhaust memory. */
const MAXIMUM_SECTION_SIZE = 256 << 20;
const NOWHERE: SourceLine = { text: '', file: '', line: 0, columns: undefined, expansion: undefined, macros: [] };

/** Lays out all sections and resolves what can be resolved. */
export function finish(assembly: Assembly, source: string): ObjectModule {
  const complain: Complain = (line, message, start, end) => assembly.report('error', message, line, start, end);
  const all = [...assembly.sections.values()];
  all.forEach(markExternalJumps);
  relax(all, complain);
  const sections = all.map((section) => finishSection(section, source, complain));
  return { source, sections, symbols: finishSymbols(assembly, complain), lines: finishLines(assembly) };
}

function markExternalJumps(section: AsmSection): void {
  for (const fragment of section.fragments()) {
    const { tail } = fragment;
    if (tail?.kind !== 'jump') continue;
    const value = safely(() =>
      reduce(
        tail.target,
        () => undefined,
        (symbol) => symbol.isWeak,
      ),
    );
    const target = value?.add;
    tail.external =
      value === undefined ||
      target === undefined ||
      value.sub !== undefined ||
      (value.modifier !== undefined && value.modifier !== '@PLT') ||
      target.isWeak ||
      target.type === 'ifunc' ||
      sectionOf(target) !== section;
  }
}

function safely<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof StatementError) return undefined;
    throw error;
  }
}

function finishSection(section: AsmSection, source: string, complain: Complain): Section {
  const fragments = section.fragments();
  const last = fragments[fragments.length - 1];
  const size = last === undefined ? 0 : last.address + last.bytes.length + last.tailSize;
  const relocations: Relocation[] = [];
  const { type, flags, entrySize } = section.attributes;
  const base = { name: section.name, type, flags, alignment: section.alignment, entrySize, size };
  if (section.isNobits) return { ...base, data: new Uint8Array(0), relocations };
  if (size > MAXIMUM_SECTION_SIZE) {
    const biggest = fragments.reduce((a, b) => (b.tailSize > a.tailSize ? b : a));
    const { tail } = biggest;
    const blamed = tail === undefined || tail.kind === 'align' ? undefined : tail;
    const message = `section ${section.name} grows to ${size} bytes; more than ${MAXIMUM_SECTION_SIZE} are not supported`;
    complain(blamed?.line ?? { ...NOWHERE, file: source }, message, blamed?.start ?? 0, blamed?.end ?? 1);
    return { ...base, data: new Uint8Array(0), relocations };
  }
  const data = new Uint8Array(size);
  for (const fragment of fragments) {
    data.set(fragment.bytes.view(), fragment.address);
    const resolveOne = (fixup: Fixup): void => {
      const relocation = resolveFixup(fixup, fragment, data, complain);
      if (relocation !== undefined) relocations.push(relocation);
    };
    fragment.fixups.forEach(resolveOne);
    const fixup = writeTail(fragment, section, data);
    if (fixup !== undefined) resolveOne(fixup);
  }
  return { ...base, data, relocations };
}

/** Writes a fragment's tail; returns the fixup of a jump's displacement. */
function writeTail(fragment: Fragment, section: AsmSection, data: Uint8Array): Fixup | undefined {
  const { tail } = fragment;
  const start = fragment.address + fragment.bytes.length;
  const target = data.subarray(start, start + fragment.tailSize);
  switch (tail?.kind) {
    case 'jump':
      return writeJump(tail, target, fragment.bytes.length);
    case 'align': {
      if (tail.fill === undefined && section.isCode) {
        target.set(nopFill(target.length));
        return undefined;
      }
      // as fills what is left over by the pattern's width with zeroes, first
      const pattern = tail.fill ?? new Uint8Array(1);
      const odd = target.length % pattern.length;
      for (let index = odd; index < target.length; index++)
        target[index] = pattern[(index - odd) % pattern.length] ?? 0;
      return undefined;
    }
    case 'fill':
      for (let index = 0; index < target.length; index++)
        target[index] = tail.pattern[index % tail.pattern.length] ?? 0;
      return undefined;
    case 'org':
      target.fill(tail.fill);
      return undefined;
    case 'leb128': {
      const value = safely(() => reduce(tail.value, laidOutDistance));
      const bytes = leb128(value?.number ?? 0n, tail.signed);
      target.set(bytes);
      for (let index = bytes.length; index < target.length; index++) {
        target[index - 1] = (target[index - 1] ?? 0) | 0x80;
        target[index] = 0;
      }
      return undefined;
    }
    case undefined:
      return undefined;
  }
}

function writeJump(jump: JumpTail, target: Uint8Array, offset: number): Fixup {
  const long = jump.isLong || jump.external;
  const opcode = long ? jump.long : jump.short;
  target.set(opcode);
  const size = long ? jump.longSize : 1;
  const { line, start, end } = jump;
  return {
    offset: offset + opcode.length,
    size,
    expression: jump.target,
    kind: 'branch',
    bias: size,
    usesPlt: jump.usesPlt,
    relaxableGot: 'none',
    line,
    start,
    end,
  };
}

function finishSymbols(assembly: Assembly, complain: Complain): Symbol[] {
  const result: Symbol[] = [];
  for (const symbol of assembly.symbols.all()) {
    if (symbol.isTemporary && !symbol.isUsed) {
      continue;
    }
    if (symbol.definition === undefined && !symbol.isUsed) continue;
    if (symbol.definition === undefined && symbol.isTemporary) continue;
    const finished = finishSymbol(assembly, symbol, complain);
    if (symbol.definition === undefined || finished.section !== undefined) result.push(finished);
  }
  return result;
}

function finishSymbol(assembly: Assembly, symbol: AsmSymbol, complain: Complain): Symbol {
  const where = valueOf(symbol);
  const origin = symbol.definition?.kind === 'equate' ? originOf(symbol) : symbol;
  const type = symbol.type === 'notype' ? (origin?.type ?? 'notype') : symbol.type;
  const isThreadLocal = ((assembly.sections.get(where.section ?? '')?.attributes.flags ?? 0) & SHF_TLS) !== 0;
  const size = symbol.size === undefined && origin !== symbol ? origin?.size : symbol.size;
  return {
    name: symbol.name,
    value: where.value,
    size: symbol.definition?.kind === 'common' ? symbol.definition.size : sizeOf(size, symbol, complain),
    type: isThreadLocal ? 'tls' : type === 'ifunc' ? 'function' : type,
    binding: symbol.isWeak ? 'weak' : symbol.isGlobal || symbol.definition === undefined ? 'global' : 'local',
    visibility: symbol.visibility,
    section: where.section,
  };
}

function valueOf(symbol: AsmSymbol): { value: bigint; section: string | undefined } {
  const { definition } = symbol;
  if (definition === undefined) return { value: 0n, section: undefined };
  if (definition.kind === 'common') return { value: definition.alignment, section: '*COM*' };
  if (definition.kind === 'label')
    return { value: BigInt(labelOffset(symbol) as number), section: definition.place.fragment.section.name };
  const value = safely(() => reduce(definition.expression, laidOutDistance));
  if (value === undefined || value.sub !== undefined) return { value: 0n, section: undefined };
  if (value.add === undefined) return { value: BigInt.asUintN(64, value.number), section: '*ABS*' };
  const target = valueOf(value.add);
  return { value: BigInt.asUintN(64, target.value + value.number), section: target.section };
}

/** The label that an equate names. */
function originOf(symbol: AsmSymbol): AsmSymbol | undefined {
  const { definition } = symbol;
  if (definition?.kind !== 'equate') return undefined;
  const value = safely(() => reduce(definition.expression, () => undefined));
  return value?.number === 0n ? value.add : undefined;
}

function sizeOf(size: Expression | undefined, symbol: AsmSymbol, complain: Complain): bigint {
  if (size === undefined) return 0n;
  const value = safely(() => reduce(size, laidOutDistance));
  if (value !== undefined && isConstant(value)) return value.number;
  const { definedAt } = symbol;
  const line: SourceLine = {
    text: '',
    file: definedAt?.file ?? '',
    line: definedAt?.line ?? 0,
    columns: undefined,
    expansion: undefined,
    macros: [],
  };
  complain(line, `the size of '${symbol.name}' is not a number`, 0, 1);
  return 0n;
}

function addressOf(place: Place): number {
  return place.fragment.address + place.offset;
}

function finishLines(assembly: Assembly): LineRow[] {
  const lines: LineRow[] = [];
  for (const { line, start, end, section, content } of assembly.rows) {
    if (content === 'padding') continue;
    const offset = addressOf(start);
    const length = addressOf(end) - offset;
    if (length === 0) continue;
    const location = locationAt(line, Math.max(0, line.text.search(/\S/)));
    lines.push({ section: section.name, offset, length, location, expansion: line.expansion, content });
  }
  return lines;
}
