/** The symbols a kernel carries for itself, which are there when its image is stripped: what /proc/kallsyms shows. */
import type { ElfFile, ElfSection } from '../elf/reader';
import { ABSOLUTE, SHF_ALLOC } from '../elf/format';
import type { Symbol } from '../elf/object';
import { findKallsyms, type KallsymsAddresses, type KallsymsTables, nameAt } from './kallsyms-tables';

const PT_LOAD = 1;
const PF_X = 1;

/**
 * The symbols of a kernel's image, ascending by address, as it was linked; without sizes. Undefined if it has none
 * (CONFIG_KALLSYMS=n), or none in a form that is known.
 */
export function readKallsyms(elf: ElfFile): Symbol[] | undefined {
  const segments = elf.segments.filter(({ type, data }) => type === PT_LOAD && data.length > 0);
  // The tables are read-only data; some kernels have these among the code.
  for (const isCode of [false, true]) {
    for (const { flags, data } of segments) {
      if (((flags & PF_X) !== 0) !== isCode) continue;
      const tables = findKallsyms(data);
      if (tables) return symbolsOf(tables, elf.sections);
    }
  }
  return undefined;
}

function symbolsOf(tables: KallsymsTables, sections: readonly ElfSection[]): Symbol[] {
  const addresses = addressesOf(tables);
  const placed = sections
    .filter(({ flags, size }) => flags & SHF_ALLOC && size > 0)
    .map(({ name, address, size }) => ({ name, start: address, end: address + BigInt(size) }))
    .sort((a, b) => (a.start < b.start ? -1 : 1));
  const symbols: Symbol[] = [];
  let at = tables.names;
  let section = 0;
  for (const value of addresses) {
    const { length, content } = nameAt(tables.bytes, at);
    at = content + length;
    let text = '';
    for (let token = content; token < at; token++) text += tables.tokens[tables.bytes[token]];
    while (section < placed.length - 1 && value >= placed[section + 1].start) section++;
    const within = placed.length > 0 && value >= placed[section].start && value <= placed[section].end;
    symbols.push(symbol(text, value, within ? placed[section].name : ABSOLUTE));
  }
  return symbols;
}

/** Kinds are the letters of nm: capital for global, T and W code, D, B, R and V data, A neither. */
function symbol(text: string, value: bigint, section: string): Symbol {
  const kind = text[0] ?? '';
  const letter = kind.toUpperCase();
  return {
    name: text.slice(1),
    value,
    size: 0n,
    type: letter === 'T' || letter === 'W' ? 'function' : letter === 'A' ? 'notype' : 'object',
    binding: letter === 'W' || letter === 'V' ? 'weak' : kind === letter ? 'global' : 'local',
    visibility: 'default',
    section,
  };
}

function addressesOf({ bytes, count, addresses: { form, at, base } }: KallsymsTables): BigUint64Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const read = ADDRESS[form];
  return BigUint64Array.from({ length: count }, (_, index) => read(view, at, index, base));
}

type ReadAddress = (view: DataView, at: number, index: number, base: bigint) => bigint;

const ADDRESS: Readonly<Record<KallsymsAddresses['form'], ReadAddress>> = {
  absolute: (view, at, index) => view.getBigUint64(at + 8 * index, true),
  relative: (view, at, index, base) => base + BigInt(view.getUint32(at + 4 * index, true)),
  'per-cpu': (view, at, index, base) => {
    const offset = view.getInt32(at + 4 * index, true);
    return offset >= 0 ? BigInt(offset) : base - 1n - BigInt(offset);
  },
};
