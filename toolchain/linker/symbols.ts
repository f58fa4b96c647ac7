/** Symbol resolution: which definition each name means (gABI chapter 4, "Symbol Table"). */
import { ABSOLUTE, COMMON, SHF_ALLOC, SHF_WRITE, SHT_NOBITS } from '../elf/format';
import { rowAt } from '../elf/line-rows';
import { alignUp } from '../elf/container';
import type { Diagnostic, ObjectModule, Section, SourceLocation, Symbol } from '../elf/object';
import type { Layout, ProvidedSymbol } from './layout';
import { addInput, type OutputSection, type PlacedInput, type Placement } from './sections';

/** A definition and the module it is in. */
export interface Definition {
  readonly symbol: Symbol;
  readonly module: ObjectModule;
}

/** The place of a section's byte in the sources: the row that covers it, else the next one, else the file. */
export function sourceOf(
  module: ObjectModule,
  section: string | undefined,
  offset: number,
): Pick<Diagnostic, 'location' | 'expansion'> {
  return (
    rowAt(module, section, offset) ?? { location: { file: module.source, line: 1, column: 0 }, expansion: undefined }
  );
}

/** Where a symbol is defined: its own line, else the line of what it labels. */
function definitionOf({ symbol, module }: Definition): Pick<Diagnostic, 'location' | 'expansion'> {
  return symbol.definition
    ? { location: symbol.definition, expansion: undefined }
    : sourceOf(module, symbol.section, Number(symbol.value));
}

export const errorAt = (
  place: Pick<Diagnostic, 'location' | 'expansion'>,
  message: string,
  severity: Diagnostic['severity'] = 'error',
): Diagnostic => ({ severity, message, location: place.location, endColumn: 0, expansion: place.expansion });

export const describe = ({ file, line }: SourceLocation): string => `${file}:${line}`;

/** The global names of a link: strong definitions win over common ones, those over weak ones, the first weak one wins. */
export function resolveGlobals(modules: readonly ObjectModule[]): {
  readonly definitions: Map<string, Definition>;
  readonly diagnostics: readonly Diagnostic[];
} {
  const definitions = new Map<string, Definition>();
  const diagnostics: Diagnostic[] = [];
  for (const module of modules) {
    for (const symbol of module.symbols) {
      if (symbol.binding === 'local' || symbol.section === undefined) continue;
      const earlier = definitions.get(symbol.name);
      if (!earlier || strength(symbol) > strength(earlier.symbol)) {
        definitions.set(symbol.name, { symbol, module });
      } else if (symbol.section === COMMON && earlier.symbol.section === COMMON) {
        definitions.set(symbol.name, { symbol: mergeCommon(symbol, earlier.symbol), module: earlier.module });
      } else if (strength(symbol) === STRONG && strength(earlier.symbol) === STRONG) {
        const here = definitionOf({ symbol, module });
        const there = definitionOf(earlier);
        diagnostics.push(
          errorAt(
            here,
            `symbol \`${symbol.name}' is defined twice, here and at ${describe(there.location)}: ` +
              'rename one, or make one of them local or weak',
          ),
        );
      }
    }
  }
  return { definitions, diagnostics };
}

const STRONG = 3;

function strength({ binding, section }: Symbol): number {
  if (section === COMMON) return 2;
  return binding === 'weak' ? 1 : STRONG;
}

function mergeCommon(a: Symbol, b: Symbol): Symbol {
  const larger = a.size > b.size ? a : b;
  return { ...larger, value: a.value > b.value ? a.value : b.value };
}

/** Gives common symbols room in .bss; their definitions become ordinary ones there. */
export function allocateCommons(
  definitions: Map<string, Definition>,
  outputs: Map<string, OutputSection>,
  layout: Layout,
): PlacedInput | undefined {
  const symbols: Symbol[] = [];
  let size = 0;
  let alignment = 1;
  for (const { symbol } of definitions.values()) {
    if (symbol.section !== COMMON) continue;
    const own = Math.max(1, Number(symbol.value));
    const offset = alignUp(size, own);
    alignment = Math.max(alignment, own);
    size = offset + Number(symbol.size);
    symbols.push({ ...symbol, type: 'object', section: '.bss', value: BigInt(offset) });
  }
  if (symbols.length === 0) return undefined;
  const section: Section = {
    name: '.bss',
    type: SHT_NOBITS,
    flags: SHF_ALLOC | SHF_WRITE,
    alignment,
    entrySize: 0,
    data: new Uint8Array(),
    size,
    relocations: [],
  };
  const module: ObjectModule = { source: 'common symbols', sections: [section], symbols, lines: [] };
  for (const symbol of symbols) definitions.set(symbol.name, { symbol, module });
  return addInput(outputs, module, section, layout);
}

/** A symbol that the linker itself defines if an object asks for it, with its address as value; else undefined. */
export function providedSymbol(
  name: string,
  layout: Layout,
  outputs: ReadonlyMap<string, OutputSection>,
  placement: Placement,
): Symbol | undefined {
  const rule = layout.provided.find((provided) => provided.name === name);
  if (rule) return linkerSymbol(name, provide(rule, layout, placement));
  const [, edge, sectionName] = /^__(start|stop)_(\w+)$/.exec(name) ?? [];
  const section = sectionName === undefined ? undefined : outputs.get(sectionName);
  if (!section) return undefined;
  const value = section.va + (edge === 'stop' ? BigInt(section.size) : 0n);
  return linkerSymbol(name, { value, section: section.name });
}

function linkerSymbol(name: string, { value, section }: { value: bigint; section: string }): Symbol {
  return { name, value, size: 0n, type: 'notype', binding: 'global', visibility: 'default', section };
}

function provide(rule: ProvidedSymbol, layout: Layout, { allocated, loadEnd, end }: Placement) {
  const { va, pa, section } = edgeOf(rule, layout, allocated, loadEnd, end);
  return rule.physical ? { value: BigInt(pa), section: ABSOLUTE } : { value: va, section };
}

function edgeOf(
  { of, edge }: ProvidedSymbol,
  layout: Layout,
  allocated: readonly OutputSection[],
  loadEnd: number,
  end: number,
): { pa: number; va: bigint; section: string } {
  const named = allocated.find(({ name }) => name === of);
  const pa =
    of === 'image' || of === 'load'
      ? edge === 'start'
        ? layout.start
        : of === 'load'
          ? loadEnd
          : end
      : named
        ? named.pa + (edge === 'end' ? named.size : 0)
        : loadEnd;
  // The virtual address goes by the section that the place ends or begins.
  const owner = named ?? allocated.filter((section) => section.pa < pa).at(-1) ?? allocated[0];
  const va = owner ? owner.va + BigInt(pa - owner.pa) : BigInt(pa);
  return { pa, va, section: owner?.name ?? ABSOLUTE };
}
