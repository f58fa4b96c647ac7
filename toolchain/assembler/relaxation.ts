/**
 * Finds the size of what depends on addresses: jumps, alignments, fills, .org, LEB128. The order of steps is that of
 * relax_segment and relax_frag in gas/write.c, since it decides which form a jump ends up with.
 */
import { isConstant, reduce, type Expression, type Value } from './expressions';
import { labelOffset, laidOutDistance, sectionOf } from './layout';
import { StatementError } from './scanner';
import type { AsmSection, Fragment, JumpTail } from './sections';
import type { SourceLine } from '../preprocessor';

/** Told of an expression that cannot be resolved. */
export type Complain = (line: SourceLine, message: string, start: number, end: number) => void;

/** Bytes from `address` to the next multiple of `alignment`, or 0 if more than `limit` (when that is not 0). */
export function paddingFor(address: number, alignment: number, limit: number): number {
  const padding = (alignment - (address % alignment)) % alignment;
  return limit !== 0 && padding > limit ? 0 : padding;
}

/** Bytes of the LEB128 encoding of a value (DWARF 5, 7.6). */
export function leb128(value: bigint, signed: boolean): number[] {
  const bytes: number[] = [];
  let rest = signed ? value : BigInt.asUintN(64, value);
  for (;;) {
    const byte = Number(rest & 0x7fn);
    rest >>= 7n;
    const done = signed ? (rest === 0n && byte < 0x40) || (rest === -1n && byte >= 0x40) : rest === 0n;
    bytes.push(done ? byte : byte | 0x80);
    if (done) return bytes;
  }
}

/** Gives every fragment of every section its final address and every tail its size. */
export function relax(sections: readonly AsmSection[], complain: Complain): void {
  sections.forEach(relaxSection);
  // What depends on distances in sections that came later is right only now.
  const late = sections.filter((section) =>
    section.fragments().some(({ tail }) => tail?.kind === 'leb128' || tail?.kind === 'fill'),
  );
  late.forEach(relaxSection);
  for (const section of sections) for (const fragment of section.fragments()) checkTail(fragment, complain);
}

function relaxSection(section: AsmSection): void {
  const fragments = section.fragments();
  let address = 0;
  let region = 0;
  for (const fragment of fragments) {
    fragment.relaxMarker = 0;
    fragment.region = region;
    fragment.address = address;
    address += fragment.bytes.length;
    fragment.tailSize = initialSize(fragment, address);
    if (fragment.tail?.kind === 'align' || fragment.tail?.kind === 'org') region++;
    address += fragment.tailSize;
  }
  for (let iterations = fragments.length + 8, changed = true; changed && iterations > 0; iterations--) {
    changed = false;
    let stretch = 0;
    for (const fragment of fragments) {
      fragment.relaxMarker ^= 1;
      fragment.address += stretch;
      const growth = newSize(fragment, stretch) - fragment.tailSize;
      if (growth === 0) continue;
      fragment.tailSize += growth;
      stretch += growth;
      changed = true;
    }
  }
}

function initialSize(fragment: Fragment, address: number): number {
  const { tail } = fragment;
  switch (tail?.kind) {
    case 'jump':
      return jumpSize(tail);
    case 'align':
      return paddingFor(address, tail.alignment, tail.limit);
    case 'fill': {
      const count = constantOf(tail.count);
      return count === undefined ? 0 : Math.max(0, count) * tail.pattern.length;
    }
    case 'leb128':
      return 1;
    case 'org':
    case undefined:
      return 0;
  }
}

function newSize(fragment: Fragment, stretch: number): number {
  const { tail } = fragment;
  const end = fragment.address + fragment.bytes.length;
  switch (tail?.kind) {
    case 'jump':
      if (!tail.isLong && !fitsShort(fragment, tail, stretch)) tail.isLong = true;
      return jumpSize(tail);
    case 'align':
      return paddingFor(end, tail.alignment, tail.limit);
    case 'fill': {
      const count = constantOf(tail.count);
      return count === undefined ? fragment.tailSize : Math.max(0, count) * tail.pattern.length;
    }
    case 'org': {
      const target = orgTarget(fragment, tail.target);
      return target === undefined ? fragment.tailSize : Math.max(0, target - end);
    }
    case 'leb128': {
      const value = valueOf(tail.value);
      const size = value === undefined || !isConstant(value) ? 1 : leb128(value.number, tail.signed).length;
      return Math.max(size, fragment.tailSize);
    }
    case undefined:
      return 0;
  }
}

function jumpSize(jump: JumpTail): number {
  return jump.isLong || jump.external ? jump.long.length + jump.longSize : jump.short.length + 1;
}

function fitsShort(fragment: Fragment, jump: JumpTail, stretch: number): boolean {
  const value = valueOf(jump.target);
  if (jump.external || value?.add === undefined || value.sub !== undefined) return true;
  const { definition } = value.add;
  if (definition?.kind !== 'label') return true;
  const opcodeEnd = fragment.address + fragment.bytes.length + jump.short.length;
  let target = (labelOffset(value.add) as number) + Number(value.number);
  const { fragment: there } = definition.place;
  if (stretch !== 0 && there.relaxMarker !== fragment.relaxMarker && there.section === fragment.section) {
    // The target has yet to move in this pass: assume that it moves as we did, unless an alignment lies between.
    if (stretch < 0 || there.region === fragment.region) target += stretch;
    else if (target >= 0 && target < opcodeEnd) return true; // unsigned in as, where a negative target is a large one
  }
  const displacement = target - (opcodeEnd + 1);
  return displacement >= -128 && displacement <= 127;
}

function valueOf(expression: Expression): Value | undefined {
  try {
    return reduce(expression, laidOutDistance);
  } catch (error) {
    if (error instanceof StatementError) return undefined;
    throw error;
  }
}

function constantOf(expression: Expression): number | undefined {
  const value = valueOf(expression);
  return value !== undefined && isConstant(value) ? Number(value.number) : undefined;
}

/** Offset in the section that an .org wants to go to. */
function orgTarget(fragment: Fragment, target: Expression): number | undefined {
  const value = valueOf(target);
  if (value === undefined || value.sub !== undefined) return undefined;
  if (value.add === undefined) return Number(value.number);
  if (sectionOf(value.add) !== fragment.section) return undefined;
  return (labelOffset(value.add) as number) + Number(value.number);
}

function checkTail(fragment: Fragment, complain: Complain): void {
  const { tail } = fragment;
  if (tail?.kind === 'fill') {
    const count = constantOf(tail.count);
    if (count === undefined) {
      complain(
        tail.line,
        'the count must be a number, or a distance between labels of one section',
        tail.start,
        tail.end,
      );
    } else if (count < 0) complain(tail.line, `the count is negative (${count})`, tail.start, tail.end);
  } else if (tail?.kind === 'org') {
    const target = orgTarget(fragment, tail.target);
    const end = fragment.address + fragment.bytes.length;
    if (target === undefined) {
      complain(tail.line, '.org needs an offset or a label of this section', tail.start, tail.end);
    } else if (target < end) {
      complain(
        tail.line,
        `.org cannot move backwards: the section is at 0x${end.toString(16)} already, not before 0x${target.toString(16)}`,
        tail.start,
        tail.end,
      );
    }
  } else if (tail?.kind === 'leb128') {
    const value = valueOf(tail.value);
    if (value === undefined || !isConstant(value)) {
      complain(
        tail.line,
        'a LEB128 value must be a number, or a distance between labels of one section',
        tail.start,
        tail.end,
      );
    }
  }
}
