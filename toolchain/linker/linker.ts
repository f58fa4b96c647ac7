/** Links object modules into a static ELF64 executable. */
import { nopFill } from '../assembler/nops';
import {
  type ContainerSection,
  type ContainerSegment,
  headersSize,
  symbolTable,
  writeContainer,
} from '../elf/container';
import {
  ABSOLUTE,
  ET_EXEC,
  PF_R,
  PF_W,
  PT_GNU_STACK,
  PT_LOAD,
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHT_NOBITS,
  SHT_PROGBITS,
} from '../elf/format';
import { mappingSymbols } from '../elf/mapping-symbols';
import type { Diagnostic, ObjectModule, Relocation, Section, Symbol } from '../elf/object';
import { type Layout, PAGE_SIZE } from './layout';
import { applyRelocation } from './relocate';
import {
  hasSymbols,
  mergeSections,
  type OutputSection,
  type PlacedInput,
  placeSections,
  type Placement,
} from './sections';
import { allocateCommons, type Definition, errorAt, providedSymbol, resolveGlobals, sourceOf } from './symbols';

export interface LinkResult {
  /** The executable, or undefined if a diagnostic is an error. */
  readonly elf: Uint8Array | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

export interface LinkOptions {
  /** Another entry symbol than the layout's. */
  readonly entry?: string;
  /** DWARF (or other) sections to link besides those in the module itself. */
  readonly debugSections?: (module: ObjectModule) => readonly Section[];
}

/** Asks an operating system for a stack without execute permission. */
const STACK: ContainerSegment = {
  type: PT_GNU_STACK,
  flags: PF_R | PF_W,
  offset: 0,
  va: 0n,
  pa: 0n,
  fileSize: 0,
  memorySize: 0,
  alignment: 16,
};
/** Bytes of the longest NOP GNU ld puts between the code of different objects. */
const LONGEST_NOP = 10;
/** Bytes; what fits the code model and the host's memory. */
const LARGEST_IMAGE = 2 ** 30;
const NOWHERE = { location: { file: '', line: 1, column: 0 }, expansion: undefined };

/**
 * Links `objects` in the order given. Undefined and duplicate symbols, relocations that overflow and a missing entry
 * symbol are errors in the result, at the source lines they come from.
 */
export function link(objects: readonly ObjectModule[], layout: Layout, options: LinkOptions = {}): LinkResult {
  const modules = objects.map((module) => ({
    ...module,
    sections: [...module.sections, ...(options.debugSections?.(module) ?? [])],
  }));
  return new Link(modules, layout, options.entry ?? layout.entry).run();
}

/** One link in progress. */
class Link {
  private readonly outputs: Map<string, OutputSection>;
  private readonly definitions: Map<string, Definition>;
  private readonly diagnostics: Diagnostic[];
  private readonly inputs = new Map<ObjectModule, Map<string, PlacedInput>>();
  private readonly locals = new Map<ObjectModule, Map<string, Symbol>>();
  private readonly provided = new Map<string, Symbol | undefined>();
  private readonly reported = new Set<string>();
  private readonly placement: Placement;

  constructor(
    private readonly modules: readonly ObjectModule[],
    private readonly layout: Layout,
    private readonly entryName: string,
  ) {
    this.outputs = mergeSections(modules, layout);
    const { definitions, diagnostics } = resolveGlobals(modules);
    this.definitions = definitions;
    this.diagnostics = [...diagnostics];
    allocateCommons(definitions, this.outputs, layout);
    this.placement = placeSections(this.outputs.values(), layout);
    for (const output of this.outputs.values()) {
      for (const place of output.inputs) {
        const places = this.inputs.get(place.module) ?? new Map<string, PlacedInput>();
        this.inputs.set(place.module, places.set(place.section.name, place));
      }
    }
    for (const module of modules) {
      const local = module.symbols.filter(({ binding, type }) => binding === 'local' && type !== 'section');
      this.locals.set(module, new Map(local.map((symbol) => [symbol.name, symbol])));
    }
  }

  run(): LinkResult {
    const largest = [...this.outputs.values()].sort((a, b) => b.size - a.size)[0];
    if (largest && this.placement.end - this.layout.start > LARGEST_IMAGE) {
      const { module, section } = largest.inputs[0] ?? {};
      const place = module && section ? sourceOf(module, section.name, 0) : NOWHERE;
      const size = `${Math.ceil((this.placement.end - this.layout.start) / 2 ** 20)} MiB`;
      const message = `the image would have ${size}, most of it in ${largest.name}: 1024 MiB is the largest possible`;
      return { elf: undefined, diagnostics: [...this.diagnostics, errorAt(place, message)] };
    }
    const contents = new Map([...this.outputs.values()].map((output) => [output, this.contents(output)]));
    const entry = this.entry();
    if (this.diagnostics.some(({ severity }) => severity === 'error')) {
      return { elf: undefined, diagnostics: this.diagnostics };
    }
    return { elf: this.write(contents, entry), diagnostics: this.diagnostics };
  }

  /** The bytes of an output section, relocated. */
  private contents(output: OutputSection): Uint8Array {
    if (output.type === SHT_NOBITS && !this.isInFile(output)) return new Uint8Array();
    const bytes = new Uint8Array(output.size);
    let end = 0;
    for (const { module, section, offset } of output.inputs) {
      if (output.flags & SHF_EXECINSTR) fillWithNops(bytes.subarray(end, offset));
      end = offset + section.size;
      const target = bytes.subarray(offset, end);
      target.set(section.data);
      for (const relocation of section.relocations) {
        const value = this.relocationTarget(module, section, relocation);
        if (value === undefined) continue;
        const problem = applyRelocation(target, relocation, output.va + BigInt(offset), value);
        if (problem) this.diagnostics.push(errorAt(sourceOf(module, section.name, relocation.offset), problem.message));
      }
    }
    return bytes;
  }

  /** True for bss that is followed by contents: the file is as contiguous as memory. */
  private isInFile({ pa, flags }: OutputSection): boolean {
    return (flags & SHF_ALLOC) !== 0 && pa < this.placement.loadEnd;
  }

  /** S of a relocation; undefined, after a diagnostic, if the symbol is. */
  private relocationTarget(module: ObjectModule, section: Section, relocation: Relocation): bigint | undefined {
    const { symbol: name, againstSection } = relocation;
    if (againstSection) {
      const place = this.inputs.get(module)?.get(name);
      return place ? place.output.va + BigInt(place.offset) : 0n;
    }
    if (name === '') return 0n;
    const local = this.locals.get(module)?.get(name);
    if (local) return this.address({ symbol: local, module });
    const global = this.definitions.get(name);
    if (global) return this.address(global);
    const provided = this.provide(name);
    if (provided) return provided.value;
    if (module.symbols.some((symbol) => symbol.name === name && symbol.binding === 'weak')) return 0n;
    this.reportUndefined(module, section, relocation);
    return undefined;
  }

  private provide(name: string): Symbol | undefined {
    if (!this.provided.has(name)) {
      this.provided.set(name, providedSymbol(name, this.layout, this.outputs, this.placement));
    }
    return this.provided.get(name);
  }

  private reportUndefined(module: ObjectModule, section: Section, { symbol, offset }: Relocation): void {
    const place = sourceOf(module, section.name, offset);
    const key = `${symbol}\0${place.location.file}\0${place.location.line}`;
    if (this.reported.has(key)) return;
    this.reported.add(key);
    const owner = this.modules.find((other) => this.locals.get(other)?.get(symbol)?.section !== undefined);
    const remedy = owner
      ? `${owner.source} has a local one: add \`.globl ${symbol}' there`
      : 'define it, or link the object that does';
    this.diagnostics.push(errorAt(place, `symbol \`${symbol}' is not defined: ${remedy}`));
  }

  /** Virtual address of a symbol; the value itself for an absolute one. */
  private address({ symbol, module }: Definition): bigint {
    const place = symbol.section === undefined ? undefined : this.inputs.get(module)?.get(symbol.section);
    if (!place) return BigInt.asUintN(64, symbol.value);
    return BigInt.asUintN(64, place.output.va + BigInt(place.offset) + symbol.value);
  }

  private entry(): bigint {
    const definition = this.definitions.get(this.entryName);
    if (definition) return this.address(definition);
    const owner = this.modules.find((module) => this.locals.get(module)?.has(this.entryName));
    const place = sourceOf(
      owner ?? this.modules[0] ?? { source: '', sections: [], symbols: [], lines: [] },
      undefined,
      0,
    );
    const remedy = owner ? `it is local: add \`.globl ${this.entryName}'` : 'define this label and make it `.globl`';
    this.diagnostics.push(errorAt(place, `there is no entry symbol \`${this.entryName}': ${remedy}`));
    return 0n;
  }

  private write(contents: ReadonlyMap<OutputSection, Uint8Array>, entry: bigint): Uint8Array {
    const { allocated } = this.placement;
    const rest = [...this.outputs.values()].filter(
      (output) => !(output.flags & SHF_ALLOC) && (output.size > 0 || hasSymbols(output)),
    );
    const sections = [...allocated, ...rest];
    const indices = new Map(sections.map(({ name }, index) => [name, index + 1]));
    const table = symbolTable(this.linkedSymbols(), (name) => indices.get(name) ?? 0, sections.length + 1);
    const loads = this.loadSegments();
    return writeContainer({
      type: ET_EXEC,
      entry,
      segments: this.layout.loadsHeaders ? [this.headerSegment(loads.length + 2), ...loads, STACK] : loads,
      sections: [...sections.map((output) => this.outputHeader(output, contents)), ...table.sections],
    });
  }

  private outputHeader(output: OutputSection, contents: ReadonlyMap<OutputSection, Uint8Array>): ContainerSection {
    const { name, type, flags, va, alignment, entrySize, size } = output;
    const inFile = this.isInFile(output);
    return {
      name,
      type: type === SHT_NOBITS && inFile ? SHT_PROGBITS : type,
      flags,
      address: va,
      offset: flags & SHF_ALLOC ? this.fileOffset(Math.min(output.pa, this.placement.loadEnd)) : undefined,
      data: contents.get(output) ?? new Uint8Array(),
      size,
      link: 0,
      info: 0,
      alignment,
      entrySize,
    };
  }

  private fileOffset(pa: number): number {
    return this.layout.startFileOffset + pa - this.layout.start;
  }

  /** The segment that holds the ELF header and `count` program headers. */
  private headerSegment(count: number): ContainerSegment {
    const size = headersSize(count);
    const at = BigInt(this.layout.start);
    return {
      type: PT_LOAD,
      flags: PF_R,
      offset: 0,
      va: at,
      pa: at,
      fileSize: size,
      memorySize: size,
      alignment: PAGE_SIZE,
    };
  }

  private loadSegments(): ContainerSegment[] {
    return this.placement.segments.flatMap(({ flags, sections }): ContainerSegment[] => {
      const first = sections[0];
      const last = sections.at(-1);
      if (!first || !last) return [];
      const memorySize = last.pa + last.size - first.pa;
      if (memorySize === 0) return [];
      const fileSize = Math.max(0, Math.min(memorySize, this.placement.loadEnd - first.pa));
      return [
        {
          type: PT_LOAD,
          flags,
          // Without contents any offset will do that is in the file and congruent to the address.
          offset: fileSize > 0 ? this.fileOffset(first.pa) : first.pa % PAGE_SIZE,
          va: first.va,
          pa: BigInt(first.pa),
          fileSize,
          memorySize,
          alignment: PAGE_SIZE,
        },
      ];
    });
  }

  /** The symbols of the image with addresses as values, locals of each module behind a file symbol. */
  private linkedSymbols(): Symbol[] {
    const symbols: Symbol[] = [];
    for (const module of this.modules) {
      const local = [
        ...module.symbols.filter(({ type }) => type !== 'section'),
        ...module.sections.flatMap((section) => mappingSymbols(module, section)),
      ]
        .filter(({ binding, section }) => binding === 'local' && section !== undefined)
        .map((symbol) => this.linked({ symbol, module }));
      if (!local.some(({ type }) => type === 'file')) symbols.push(fileSymbol(module.source));
      symbols.push(...local);
    }
    for (const definition of this.definitions.values()) symbols.push(this.linked(definition));
    for (const symbol of this.provided.values()) if (symbol) symbols.push(symbol);
    return symbols;
  }

  private linked(definition: Definition): Symbol {
    const { symbol, module } = definition;
    const place = symbol.section === undefined ? undefined : this.inputs.get(module)?.get(symbol.section);
    return { ...symbol, value: this.address(definition), section: place?.output.name ?? ABSOLUTE };
  }
}

function fillWithNops(gap: Uint8Array): void {
  for (let at = 0; at < gap.length; at += LONGEST_NOP) gap.set(nopFill(Math.min(LONGEST_NOP, gap.length - at)), at);
}

function fileSymbol(name: string): Symbol {
  return { name, value: 0n, size: 0n, type: 'file', binding: 'local', visibility: 'default', section: ABSOLUTE };
}
