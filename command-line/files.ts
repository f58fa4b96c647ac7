/** Files named on the command line. */
import { openSync, readFileSync, writeFileSync } from 'node:fs';
import { CommandError } from './errors';

/** The file's bytes. Throws CommandError that names the file. */
export function readBytes(path: string): Uint8Array {
  return guarded('read', path, () => readFileSync(path));
}

export function writeFile(path: string, data: string | Uint8Array): void {
  guarded('write', path, () => writeFileSync(path, data));
}

/** The descriptor of a file that is overwritten. */
export function openForWriting(path: string): number {
  return guarded('write', path, () => openSync(path, 'w'));
}

/** The file's text, or undefined if there is none: for includes and listings. */
export function readIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  EACCES: 'permission denied',
  EISDIR: 'it is a folder, not a file',
  ENOTDIR: 'a part of the path is not a folder',
};

function guarded<T>(verb: string, path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new CommandError(`cannot ${verb} ${path}: ${REASONS[code ?? ''] ?? message}`);
  }
}
