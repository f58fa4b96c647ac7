/** Completion: instructions, macros and directives where a statement begins, registers after %, else names. */
import {
  CompletionItemKind,
  type CompletionItem,
  type CompletionList,
  type Position,
  type Range,
} from 'vscode-languageserver';
import { signatureOf, vocabulary } from '../../toolchain';
import type { Analysis } from '../analysis';
import { operationOf } from '../operations';
import { lineText } from '../positions';
import type { Workspace } from '../workspace';

const PREPROCESSOR = 'include define undef if ifdef ifndef elif else endif error warning'.split(' ');

interface Word {
  readonly name: string;
  readonly kind: CompletionItemKind;
  readonly detail?: string;
}

export function completion(workspace: Workspace, path: string, position: Position): CompletionList {
  const before = lineText(workspace.files.read(path) ?? '', position.line).slice(0, position.character);
  const typed = /[\w.$]*$/.exec(before)?.[0].replace(/^\$/, '') ?? '';
  const words = wordsFor(workspace, workspace.explaining(path), before, typed);
  const start = { line: position.line, character: position.character - typed.length };
  const range: Range = { start, end: position };
  // The instruction set is large: what does not begin alike is not sent, and asked for anew when the first letter changes.
  const first = typed.slice(0, 1).toLowerCase();
  const items = words
    .filter(({ name }) => name !== typed && name.toLowerCase().startsWith(first))
    .map((word) => itemOf(word, range));
  return { isIncomplete: typed === '', items };
}

function wordsFor(workspace: Workspace, analysis: Analysis, before: string, typed: string): Word[] {
  if (isInComment(before)) return [];
  const ahead = before.slice(0, before.length - typed.length);
  if (ahead.endsWith('%')) return vocabulary().registers.map((name) => ({ name, kind: CompletionItemKind.Variable }));
  if (/^\s*#\s*$/.test(ahead)) return PREPROCESSOR.map((name) => ({ name, kind: CompletionItemKind.Keyword }));
  if (/^\s*#/.test(ahead)) return cMacros(analysis);
  const startsStatement = /(?:^|[;:])\s*(?:(?:rep\w*|lock|notrack)\s+)?$/.test(ahead);
  return startsStatement ? statements(analysis, typed) : operands(workspace, analysis);
}

function isInComment(before: string): boolean {
  const open = before.lastIndexOf('/*');
  return before.includes('//') || (open >= 0 && !before.includes('*/', open)) || /\S\s*#/.test(before);
}

function statements(analysis: Analysis, typed: string): Word[] {
  const { directives, mnemonics } = vocabulary();
  const keyword = CompletionItemKind.Keyword;
  if (typed.startsWith('.')) return directives.map((name) => ({ name, kind: keyword }));
  const macros = analysis.result.macros.map((macro): Word => ({
    name: macro.name,
    kind: CompletionItemKind.Function,
    detail: signatureOf(macro),
  }));
  const instructions = typed === '' ? [] : mnemonics.map((name) => instruction(name));
  return [...unique(macros), ...functionMacros(analysis), ...instructions];
}

function instruction(name: string): Word {
  const detail = operationOf(name) ?? operationOf(name.replace(/[bwlq]$/, ''));
  return { name, kind: CompletionItemKind.Keyword, ...(detail === undefined ? {} : { detail }) };
}

function operands(workspace: Workspace, analysis: Analysis): Word[] {
  const symbols = analysis.result.definitions.map(({ name, kind, section }): Word => ({
    name,
    kind: kind === 'constant' ? CompletionItemKind.Constant : CompletionItemKind.Reference,
    detail: kind === 'constant' ? 'constant' : (section ?? ''),
  }));
  const others = workspace
    .siblings(analysis.path)
    .flatMap(({ path, result }) =>
      result.definitions
        .filter(({ isGlobal }) => isGlobal)
        .map(({ name }): Word => ({ name, kind: CompletionItemKind.Reference, detail: path })),
    );
  return unique([...symbols, ...cMacros(analysis), ...others]);
}

function cMacros({ result }: Analysis): Word[] {
  const macros = result.preprocessed?.macros ?? [];
  return unique(
    macros.map(({ name, parameters }) => ({
      name,
      kind: parameters ? CompletionItemKind.Function : CompletionItemKind.Constant,
      detail: parameters ? `#define ${name}(${parameters.join(', ')})` : '#define',
    })),
  );
}

/** C macros that may stand for whole statements. */
function functionMacros(analysis: Analysis): Word[] {
  return cMacros(analysis).filter(({ kind }) => kind === CompletionItemKind.Function);
}

function unique(words: readonly Word[]): Word[] {
  return [...new Map(words.map((word) => [word.name, word])).values()];
}

function itemOf({ name, kind, detail }: Word, range: Range): CompletionItem {
  return { label: name, kind, ...(detail === undefined ? {} : { detail }), textEdit: { range, newText: name } };
}
