/** Hover: what an instruction does, what a macro call becomes here, what a symbol is. */
import { dirname, relative } from 'node:path';
import type { Hover, Position } from 'vscode-languageserver';
import { signatureOf, type AsmMacro, type MacroCall, type MacroDefinition } from '../../toolchain';
import type { Analysis } from '../analysis';
import { cMacroValue, definitionText } from '../c-macros';
import { entityAt, type Entity } from '../entity';
import { instructionFacts, type InstructionFacts } from '../instruction-facts';
import { operationOf } from '../operations';
import { bytesOf, instructionAt, type EncodedStatement } from '../statements';
import type { Workspace } from '../workspace';
import { symbolDefinitions } from './definition';

/** Lines of an expansion that are shown. */
const SHOWN_LINES = 40;

export function hover(workspace: Workspace, path: string, position: Position): Hover | undefined {
  const analysis = workspace.explaining(path);
  const entity = entityAt(analysis, path, position, workspace.files);
  const text = entity ? entityText(workspace, analysis, path, entity) : undefined;
  if (text !== undefined)
    return { contents: { kind: 'markdown', value: text }, ...(entity ? { range: entity.range } : {}) };
  const statement = instructionAt(analysis, path, position);
  const value = statement && instructionText(statement);
  return value === undefined ? undefined : { contents: { kind: 'markdown', value } };
}

function entityText(workspace: Workspace, analysis: Analysis, path: string, entity: Entity): string | undefined {
  switch (entity.kind) {
    case 'include':
      return entity.include.path === undefined ? undefined : `includes \`${entity.include.path}\``;
    case 'c-macro':
      return cMacroText(analysis, entity.macro);
    case 'macro':
      return entity.call ? callText(analysis, entity.call) : macroText(entity.macro);
    case 'numeric-label':
      return `label of line ${entity.label.line}`;
    case 'symbol':
      return symbolText(workspace, analysis, path, entity.name);
  }
}

function code(text: string): string {
  return `\`\`\`gas\n${text}\n\`\`\``;
}

function cMacroText(analysis: Analysis, macro: MacroDefinition): string {
  const value = macro.parameters ? undefined : cMacroValue(analysis, macro.name);
  const number = value === undefined ? [] : [`= ${BigInt.asIntN(64, value)} (0x${value.toString(16)})`];
  return [code(definitionText(macro)), ...number].join('\n\n');
}

function macroText(macro: AsmMacro): string {
  return code(
    [`.macro ${signatureOf(macro)}`, ...shown(macro.body.map(({ text }) => text.trimEnd())), '.endm'].join('\n'),
  );
}

/** The expansion of a call, and the code it became. */
function callText(analysis: Analysis, { macro, lines, expansion }: MacroCall): string {
  const isWithin = (inner: typeof expansion | undefined): boolean =>
    inner !== undefined && (inner === expansion || isWithin(inner.parent));
  const bytes = bytesOf(analysis, ({ line }) => isWithin(line.expansion));
  const size = bytes === 1 ? '1 byte' : `${bytes} bytes`;
  const texts = lines.map(({ text }) => text.trimEnd()).filter((text) => text !== '');
  return [`macro \`${signatureOf(macro)}\`, here ${size}:`, code(shown(texts).join('\n'))].join('\n\n');
}

function shown(lines: readonly string[]): string[] {
  if (lines.length <= SHOWN_LINES) return [...lines];
  return [...lines.slice(0, SHOWN_LINES), `# … and ${lines.length - SHOWN_LINES} more lines`];
}

function symbolText(workspace: Workspace, analysis: Analysis, path: string, name: string): string {
  const [site] = symbolDefinitions(workspace, analysis, path, name);
  if (!site) return `\`${name}\`: not defined in this file or folder`;
  const symbol = analysis.result.module?.symbols.find((each) => each.name === name && each.section !== undefined);
  const scope = site.isGlobal ? 'global ' : '';
  const value = symbol ? `0x${symbol.value.toString(16)}` : undefined;
  const isHere = site.location.file === analysis.path || analysis.result.dependencies.includes(site.location.file);
  const where = isHere ? '' : `, defined in \`${relative(dirname(path), site.location.file)}\``;
  if (site.kind === 'constant') {
    const absolute = symbol?.section === '*ABS*' ? ` = ${BigInt.asIntN(64, symbol.value)} (${value ?? ''})` : '';
    return `${scope}constant \`${name}\`${absolute}${where}`;
  }
  const what = site.isFunction ? 'function' : 'label';
  const place = isHere && value !== undefined ? ` at ${value}` : '';
  return `${scope}${what} \`${name}\` in section \`${site.section ?? ''}\`${place}${where}`;
}

function instructionText({ row, bytes, offset, bits }: EncodedStatement): string | undefined {
  const facts = instructionFacts(bytes, bits);
  if (!facts) return undefined;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
  const place = offset === undefined ? '' : ` at \`${row.section.name}+0x${offset.toString(16)}\``;
  const operation = operationOf(facts.mnemonic);
  return [
    `**${facts.form}** (\`${facts.opcode}\`)`,
    ...(operation === undefined ? [] : [operation]),
    list(facts),
    `Here: \`${hex}\`${place}`,
  ].join('\n\n');
}

function list({ reads, writes, flags, cpuidFeatures, isPrivileged }: InstructionFacts): string {
  const flagTexts = Object.entries(flags)
    .filter(([, names]) => names.length > 0)
    .map(([what, names]) => `${what} ${names.join(' ')}`);
  const rows: [string, string][] = [
    ['reads', quoted(reads)],
    ['writes', quoted(writes)],
    ['flags', flagTexts.join('; ') || 'none'],
    ['CPUID', cpuidFeatures.join(', ')],
  ];
  return [
    ...rows.filter(([, text]) => text !== '').map(([name, text]) => `- ${name}: ${text}`),
    ...(isPrivileged ? ['- only in ring 0'] : []),
  ].join('\n');
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(', ');
}
