/** Merging of input sections into output sections, and their places in memory and in the file. */
import { alignUp, headersSize } from '../elf/container';
import {
  PF_R,
  PF_W,
  PF_X,
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHF_MERGE,
  SHF_STRINGS,
  SHF_WRITE,
  SHT_NOBITS,
  SHT_NULL,
} from '../elf/format';
import type { ObjectModule, Section } from '../elf/object';
import { type Layout, PAGE_SIZE, type Region } from './layout';

/** An input section at its offset in its output section. */
export interface PlacedInput {
  readonly module: ObjectModule;
  readonly section: Section;
  readonly output: OutputSection;
  readonly offset: number;
}

export interface OutputSection {
  readonly name: string;
  type: number;
  flags: number;
  alignment: number;
  entrySize: number;
  size: number;
  readonly inputs: PlacedInput[];
  /** Virtual address; 0 unless allocated. */
  va: bigint;
  /** Physical address; 0 unless allocated. */
  pa: number;
}

/** A PT_LOAD segment. */
export interface LoadSegment {
  readonly flags: number;
  readonly sections: readonly OutputSection[];
}

export interface Placement {
  /** Allocated sections in order of physical address. */
  readonly allocated: readonly OutputSection[];
  readonly segments: readonly LoadSegment[];
  /** Physical address after the last byte that comes from the file. */
  readonly loadEnd: number;
  /** Physical address after the last byte of the image. */
  readonly end: number;
}

/** Puts every input section into an output section: by place in its family, then in the order of the modules. */
export function mergeSections(modules: readonly ObjectModule[], layout: Layout): Map<string, OutputSection> {
  const inputs = modules.flatMap((module) =>
    module.sections
      // A stack note asks for a property of the process, not for memory.
      .filter(({ type, name }) => type !== SHT_NULL && name !== '.note.GNU-stack')
      .map((section) => ({ module, section, place: familyPlace(section, layout).place })),
  );
  const outputs = new Map<string, OutputSection>();
  inputs.sort((a, b) => a.place - b.place);
  for (const { module, section } of inputs) addInput(outputs, module, section, layout);
  return outputs;
}

/** Appends `section` to its output section and returns its place. */
export function addInput(
  outputs: Map<string, OutputSection>,
  module: ObjectModule,
  section: Section,
  layout: Layout,
): PlacedInput {
  const name = familyPlace(section, layout).output;
  let output = outputs.get(name);
  if (!output) {
    const { type, flags, entrySize } = section;
    output = { name, type, flags, alignment: 1, entrySize, size: 0, inputs: [], va: 0n, pa: 0 };
    outputs.set(name, output);
  }
  if (output.type === SHT_NOBITS) output.type = section.type;
  // Contents are only put one after the other, so the output may promise no more than each input does.
  const mergeable = SHF_MERGE | SHF_STRINGS;
  const shared = output.entrySize === section.entrySize ? output.flags & section.flags & mergeable : 0;
  output.flags = ((output.flags | section.flags) & ~mergeable) | shared;
  if (!shared) output.entrySize = 0;
  output.alignment = Math.max(output.alignment, section.alignment);
  const offset = alignUp(output.size, section.alignment);
  const place: PlacedInput = { module, section, output, offset };
  output.inputs.push(place);
  output.size = offset + section.size;
  return place;
}

/** The output section that `section` belongs to, and the place of its name among those gathered there. */
function familyPlace({ name, flags }: Section, layout: Layout): { output: string; place: number } {
  if (!(flags & SHF_ALLOC)) return { output: name, place: 0 };
  for (const { output, inputs } of regionOf(name, layout).families) {
    const place = inputs.findIndex((input) => name === input || name.startsWith(`${input}.`));
    if (place >= 0) return { output, place };
  }
  return { output: name, place: 0 };
}

function regionOf(name: string, layout: Layout): Region {
  const region = layout.regions.find(({ prefix }) => name.startsWith(prefix));
  if (!region) throw new RangeError(`layout ${layout.name} has no region for ${name}`);
  return region;
}

/** Gives every allocated section its addresses. */
export function placeSections(outputs: Iterable<OutputSection>, layout: Layout): Placement {
  const all = [...outputs].filter((output) => output.flags & SHF_ALLOC && (output.size > 0 || hasSymbols(output)));
  const allocated = layout.regions.flatMap((region) => {
    const members = all.filter(({ name }) => regionOf(name, layout) === region);
    return region.keepOrder ? members : members.sort((a, b) => rank(a, region) - rank(b, region));
  });
  const segments: { flags: number; region: Region; sections: OutputSection[] }[] = [];
  let pa = layout.start + (layout.loadsHeaders ? headersSize(0) : 0);
  for (const section of allocated) {
    const region = regionOf(section.name, layout);
    const flags = protection(section);
    let segment = segments.at(-1);
    if (segment?.flags !== flags || segment.region !== region) {
      segment = { flags, region, sections: [] };
      segments.push(segment);
      pa = alignUp(pa, PAGE_SIZE);
    }
    if (layout.pageAligned.includes(section.name)) pa = alignUp(pa, PAGE_SIZE);
    segment.sections.push(section);
    pa = alignUp(pa, section.alignment);
    section.pa = pa;
    section.va = BigInt(pa) + region.displacement;
    pa += section.size;
  }
  const loadedLast = allocated.filter(({ type, size }) => type !== SHT_NOBITS && size > 0).at(-1);
  return {
    allocated,
    segments,
    loadEnd: loadedLast ? loadedLast.pa + loadedLast.size : layout.start,
    end: alignUp(pa, layout.endAlignment),
  };
}

/** An empty section still needs an address if a label lies in it. */
export function hasSymbols({ inputs }: OutputSection): boolean {
  return inputs.some(({ module, section }) =>
    module.symbols.some((symbol) => symbol.section === section.name && symbol.type !== 'section'),
  );
}

/** PF_… bits of the segment a section must be in. */
function protection({ flags }: OutputSection): number {
  return PF_R | (flags & SHF_WRITE ? PF_W : 0) | (flags & SHF_EXECINSTR ? PF_X : 0);
}

/** Code, read-only data, data, bss; of each kind the section of a family first. */
function rank(section: OutputSection, { families }: Region): number {
  const order = [PF_R | PF_X, PF_R, PF_R | PF_W | PF_X, PF_R | PF_W];
  const kind = order.indexOf(protection(section)) * 2 + (section.type === SHT_NOBITS ? 1 : 0);
  return kind * 2 + (families.some(({ output }) => output === section.name) ? 0 : 1);
}
