/** From sources to an executable in one call. */
import { assemble, type AssembleOptions } from '../assembler';
import { debugSections, type DebugOptions } from '../dwarf/debug-sections';
import type { Diagnostic, ObjectModule, Symbol } from '../elf/object';
import type { Layout } from './layout';
import { link } from './linker';

export interface BuildOptions extends AssembleOptions, DebugOptions {
  /** Another entry symbol than the layout's. */
  readonly entry?: string;
}

export interface BuiltImage {
  /** The executable with its debugging information, or undefined if a diagnostic is an error. */
  readonly elf: Uint8Array | undefined;
  /** Of all sources, in their order, then of the linker. */
  readonly diagnostics: readonly Diagnostic[];
  /** The sources that could be assembled. */
  readonly modules: readonly ObjectModule[];
  /** Files read besides the sources, each once. */
  readonly dependencies: readonly string[];
}

/** Assembles every source, and links them in that order if none has an error. A pure function of what it is given. */
export function buildImage(
  sources: readonly { readonly path: string; readonly text: string }[],
  options: BuildOptions,
  layout: Layout,
): BuiltImage {
  const diagnostics: Diagnostic[] = [];
  const modules: ObjectModule[] = [];
  const dependencies = new Set<string>();
  for (const source of sources) {
    const result = assemble(source, options);
    diagnostics.push(...result.diagnostics);
    for (const path of result.dependencies) dependencies.add(path);
    if (!result.module) continue;
    const sites = new Map(result.definitions.map(({ name, location }) => [name, location]));
    const symbols = result.module.symbols.map((symbol): Symbol => {
      const definition = symbol.section === undefined ? undefined : sites.get(symbol.name);
      return definition ? { ...symbol, definition } : symbol;
    });
    modules.push({ ...result.module, symbols });
  }
  if (modules.length < sources.length) return { elf: undefined, diagnostics, modules, dependencies: [...dependencies] };
  const linked = link(modules, layout, {
    ...(options.entry === undefined ? {} : { entry: options.entry }),
    debugSections: (module) => debugSections(module, options),
  });
  diagnostics.push(...linked.diagnostics);
  return { elf: linked.elf, diagnostics, modules, dependencies: [...dependencies] };
}
