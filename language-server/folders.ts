/** The folders open in the editor: mistakes are told of what is in them. */
import { sep } from 'node:path';
import { pathOf } from './source-files';

interface Folder {
  readonly uri: string;
}

export class Folders {
  private paths: readonly string[] = [];

  /** The folders that were open at first; the client may have none. */
  set(folders: readonly Folder[] | null | undefined): void {
    this.paths = (folders ?? []).map(({ uri }) => pathOf(uri));
  }

  /** Folders were opened and closed. */
  change(added: readonly Folder[], removed: readonly Folder[]): void {
    const closed = new Set(removed.map(({ uri }) => pathOf(uri)));
    this.paths = [...this.paths.filter((path) => !closed.has(path)), ...added.map(({ uri }) => pathOf(uri))];
  }

  /**
   * Whether the file is the user's. Without a folder any is; with one, others are read only, such as sources of a kernel that
   * is being debugged, of which nobody told where their includes are.
   */
  include(path: string): boolean {
    return this.paths.length === 0 || this.paths.some((folder) => path.startsWith(folder + sep));
  }
}
