/** Texts as the user sees them: of open documents, else from disk. */
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { TextDocument } from 'vscode-languageserver-textdocument';

/** The open documents, as a server's TextDocuments holds them. */
export interface OpenDocuments {
  get(uri: string): TextDocument | undefined;
  all(): TextDocument[];
}

/** Tells one content of a file from another: the version of an open document, else time and size on disk. */
export type Stamp = string;

const ABSENT: Stamp = 'absent';

export class SourceFiles {
  constructor(private readonly open: OpenDocuments) {}

  /** The text at `path`, or undefined if there is none. */
  read(path: string): string | undefined {
    const document = this.document(path);
    if (document) return document.getText();
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return undefined;
    }
  }

  stamp(path: string): Stamp {
    const document = this.document(path);
    if (document) return `version ${document.version}`;
    try {
      const stats = statSync(path);
      return stats.isFile() ? `${stats.mtimeMs} ${stats.size}` : ABSENT;
    } catch {
      return ABSENT;
    }
  }

  /** URI under which a client knows the file. */
  uriOf(path: string): string {
    return this.document(path)?.uri ?? (isPath(path) ? pathToFileURL(path).href : path);
  }

  /** Paths of the open documents. */
  openPaths(): string[] {
    return this.open.all().map(({ uri }) => pathOf(uri));
  }

  /** The assembly sources in the folder of `path`. */
  siblings(path: string): string[] {
    if (!isPath(path)) return [];
    const folder = dirname(path);
    try {
      return readdirSync(folder)
        .filter(isUnit)
        .sort()
        .map((name) => join(folder, name));
    } catch {
      return [];
    }
  }

  private document(path: string): TextDocument | undefined {
    const direct = this.open.get(isPath(path) ? pathToFileURL(path).href : path);
    // Clients escape URIs in their own ways.
    return direct ?? this.open.all().find(({ uri }) => pathOf(uri) === path);
  }
}

/** The path of a file URI; any other URI stands for itself, as a document that only exists in the editor. */
export function pathOf(uri: string): string {
  return uri.startsWith('file:') ? fileURLToPath(uri) : uri;
}

function isPath(path: string): boolean {
  return resolve(path) === path;
}

/** An assembly source that is assembled by itself, as against a file that others include. */
export function isUnit(path: string): boolean {
  return !/\.(?:h|inc|i)$/i.test(path) && /\.(?:s|asm)$/i.test(path);
}
