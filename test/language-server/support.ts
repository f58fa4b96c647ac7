/** Sources with the cursor written as `|`, as documents that are open in an editor. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Position } from 'vscode-languageserver';
import { TextDocument } from 'vscode-languageserver-textdocument';
import { SourceFiles, type OpenDocuments } from '../../language-server/source-files';
import { Workspace } from '../../language-server/workspace';

export const samples = join(__dirname, '..', '..', 'samples');

export class Editor implements OpenDocuments {
  private readonly documents = new Map<string, TextDocument>();
  readonly workspace = new Workspace(new SourceFiles(this));

  /** Opens or changes a document. */
  open(path: string, text: string): void {
    const uri = pathToFileURL(path).href;
    const version = (this.documents.get(uri)?.version ?? 0) + 1;
    this.documents.set(uri, TextDocument.create(uri, 'gas', version, text));
  }

  get(uri: string): TextDocument | undefined {
    return this.documents.get(uri);
  }

  all(): TextDocument[] {
    return [...this.documents.values()];
  }
}

export interface Marked {
  readonly text: string;
  readonly position: Position;
}

/** Takes the `|` out of a source and tells where it stood. */
export function marked(source: string): Marked {
  const offset = source.indexOf('|');
  if (offset < 0) throw new Error('There is no | in the source.');
  const before = source.slice(0, offset).split('\n');
  return {
    text: source.slice(0, offset) + source.slice(offset + 1),
    position: { line: before.length - 1, character: before.at(-1)?.length ?? 0 },
  };
}

/** An editor with the given files open under /w/, and the cursor in the one that has a `|`. */
export function editing(sources: Readonly<Record<string, string>>): {
  readonly workspace: Workspace;
  readonly path: string;
  readonly position: Position;
} {
  const editor = new Editor();
  let at: { path: string; position: Position } | undefined;
  for (const [name, source] of Object.entries(sources)) {
    const path = join('/w', name);
    if (source.includes('|')) {
      const { text, position } = marked(source);
      at = { path, position };
      editor.open(path, text);
    } else editor.open(path, source);
  }
  if (!at) throw new Error('There is no | in any source.');
  return { workspace: editor.workspace, ...at };
}
