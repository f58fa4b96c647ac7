/** The directories and files a unit's line table names. */

export interface FileEntry {
  readonly name: string;
  readonly directory: number;
}

/**
 * Numbers files for .debug_line and .debug_info. Directory 0 is that of the compilation; files 0 and 1 are both the
 * unit's source: DWARF 5 counts from 0, but for DW_AT_decl_file 0 still means "none".
 */
export class FileTable {
  readonly directories: string[];
  readonly files: FileEntry[] = [];
  private readonly indices = new Map<string, number>();

  constructor(source: string, compilationDirectory: string) {
    this.directories = [compilationDirectory];
    this.files.push(this.entry(source));
    this.indexOf(source);
  }

  /** The number of a file, at least 1. */
  indexOf(path: string): number {
    let index = this.indices.get(path);
    if (index === undefined) {
      index = this.files.length;
      this.files.push(this.entry(path));
      this.indices.set(path, index);
    }
    return index;
  }

  private entry(path: string): FileEntry {
    const slash = path.lastIndexOf('/');
    if (slash < 0) return { name: path, directory: 0 };
    const directory = path.slice(0, Math.max(1, slash));
    let index = this.directories.indexOf(directory);
    if (index < 0) index = this.directories.push(directory) - 1;
    return { name: path.slice(slash + 1), directory: index };
  }
}
