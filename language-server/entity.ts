/** What stands at a position: the thing that definition and hover are about. */
import type { Position, Range } from 'vscode-languageserver';
import type { AsmMacro, IncludeDirective, MacroCall, MacroDefinition, SourceLocation } from '../toolchain';
import type { Analysis } from './analysis';
import { contains, wordAt } from './positions';
import type { SourceFiles } from './source-files';

export type Entity = { readonly range: Range } & (
  | { readonly kind: 'include'; readonly include: IncludeDirective }
  | { readonly kind: 'c-macro'; readonly macro: MacroDefinition }
  | { readonly kind: 'macro'; readonly macro: AsmMacro; readonly call: MacroCall | undefined }
  | { readonly kind: 'symbol'; readonly name: string }
  | { readonly kind: 'numeric-label'; readonly label: SourceLocation }
);

/** The thing named at `position` of the file at `path`, which `analysis` explains. */
export function entityAt(analysis: Analysis, path: string, position: Position, files: SourceFiles): Entity | undefined {
  const { result } = analysis;
  const include = result.preprocessed?.includes.find(({ location, endColumn }) =>
    contains(location, endColumn, path, position),
  );
  if (include) return { kind: 'include', include, range: rangeFrom(include.location, include.endColumn) };

  const { word, start } = wordAt(files.read(path) ?? '', position);
  if (word === '') return undefined;
  const location: SourceLocation = { file: path, line: position.line + 1, column: start + 1 };
  const range = rangeFrom(location, location.column + word.length);
  const macro = cMacroAt(analysis, word, location);
  if (macro) return { kind: 'c-macro', macro, range };

  const isHere = (place: SourceLocation): boolean => isSame(place, location);
  const call = result.macroCalls.find((each) => isHere(each.location));
  if (call) return { kind: 'macro', macro: call.macro, call, range };
  const defined = result.macros.find((each) => isHere(each.location));
  if (defined) return { kind: 'macro', macro: defined, call: undefined, range };
  const numeric = result.references.find((each) => each.label !== undefined && isHere(each.location));
  if (numeric?.label) return { kind: 'numeric-label', label: numeric.label, range };
  // Arguments of macro calls are not looked at before the expansion, so what they name goes by the name alone.
  if (isNamed(analysis, word) || result.references.some((each) => isHere(each.location))) {
    return { kind: 'symbol', name: word, range };
  }
  return undefined;
}

/** The C macro that is used or defined there: the definition in force at that place. */
function cMacroAt({ result }: Analysis, name: string, location: SourceLocation): MacroDefinition | undefined {
  const { macros = [], uses = [] } = result.preprocessed ?? {};
  const use = uses.find((each) => each.name === name && isSame(each.call, location));
  const definition = use?.definition ?? location;
  const exact = macros.find((each) => each.name === name && isSame(each.location, definition));
  // A name within another definition or a condition is no use yet.
  return exact ?? macros.filter((each) => each.name === name).at(-1);
}

function isNamed({ result }: Analysis, name: string): boolean {
  return result.definitions.some((each) => each.name === name) || result.references.some((each) => each.name === name);
}

function isSame(a: SourceLocation, b: SourceLocation): boolean {
  return a.file === b.file && a.line === b.line && a.column === b.column;
}

function rangeFrom({ line, column }: SourceLocation, endColumn: number): Range {
  return { start: { line: line - 1, character: column - 1 }, end: { line: line - 1, character: endColumn - 1 } };
}
