/** Go to definition: of labels, constants, macros, C macros and included files. */
import type { Location, Position } from 'vscode-languageserver';
import type { SymbolDefinitionSite } from '../../toolchain';
import type { Analysis } from '../analysis';
import { entityAt } from '../entity';
import { locationOf } from '../positions';
import type { Workspace } from '../workspace';

export function definition(workspace: Workspace, path: string, position: Position): Location[] {
  const { files } = workspace;
  const analysis = workspace.explaining(path);
  const entity = entityAt(analysis, path, position, files);
  switch (entity?.kind) {
    case 'include':
      return entity.include.path === undefined
        ? []
        : [locationOf({ file: entity.include.path, line: 1, column: 1 }, 0, files)];
    case 'c-macro':
    case 'macro':
      return [locationOf(entity.macro.location, entity.macro.name.length, files)];
    case 'symbol':
      return symbolDefinitions(workspace, analysis, path, entity.name).map(({ location, name }) =>
        locationOf(location, name.length, files),
      );
    case 'numeric-label':
      return [locationOf(entity.label, 1, files)];
    case undefined:
      return [];
  }
}

/** Where the symbol gets its value: in this unit, else in the others of the folder. */
export function symbolDefinitions(
  workspace: Workspace,
  analysis: Analysis,
  path: string,
  name: string,
): SymbolDefinitionSite[] {
  const here = distinct(analysis.result.definitions.filter((each) => each.name === name));
  if (here.length > 0) return here;
  return distinct(
    workspace
      .siblings(analysis.path === path ? path : analysis.path)
      .flatMap(({ result }) => result.definitions.filter((each) => each.name === name && each.isGlobal)),
  );
}

function distinct(sites: readonly SymbolDefinitionSite[]): SymbolDefinitionSite[] {
  const byPlace = new Map(
    sites.map((site) => [`${site.location.file}:${site.location.line}:${site.location.column}`, site]),
  );
  return [...byPlace.values()];
}
