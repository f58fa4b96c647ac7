/** The initial file system a Linux kernel is booted with: a file, a folder, a program as PID 1, busybox with a shell. */
import { lstatSync, readdirSync, readFileSync, readlinkSync, statSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import {
  busyboxInitramfs,
  type CpioEntry,
  CpioError,
  checkCpioFileSize,
  folderInitramfs,
  programInitramfs,
} from '../toolchain';
import { buildImage, type BuildOptions, formatOf } from './build';
import { AdapterError } from './errors';

export interface InitialFileSystemOptions extends BuildOptions {
  /** An archive or disk image as the kernel takes it, or a folder that becomes an archive. */
  readonly initrd?: string;
  /** A program that becomes /init: a static ELF executable, or an assembly source; or the bytes of an executable. */
  readonly init?: string | Uint8Array;
  /** A static busybox: its commands and a shell. */
  readonly busybox?: string;
}

/**
 * The archives asked for, one behind the other: a later one adds to those before it and replaces what has the same name.
 * Undefined if none was. Throws AdapterError.
 */
export function initialFileSystem(options: InitialFileSystemOptions): Uint8Array | undefined {
  const { initrd, init, busybox } = options;
  const archives = [
    ...(busybox === undefined ? [] : [busyboxInitramfs(staticProgram(busybox, {}))]),
    ...(initrd === undefined ? [] : [archiveOf(initrd)]),
    ...(init === undefined ? [] : [programInitramfs(typeof init === 'string' ? staticProgram(init, options) : init)]),
  ];
  if (archives.length < 2) return archives[0];
  return concatenated(archives);
}

function staticProgram(path: string, options: BuildOptions): Uint8Array {
  const format = formatOf(path);
  if (format !== 'asm' && format !== 'elf') {
    throw new AdapterError(
      `${path} is no program Linux could start: give a static ELF executable or an assembly source.`,
    );
  }
  return buildImage(path, 'program', format, options).image.bytes;
}

function archiveOf(path: string): Uint8Array {
  return guarded(path, () =>
    statSync(path).isDirectory()
      ? folderInitramfs([...entriesIn(path, '', new Map())])
      : new Uint8Array(readFileSync(path)),
  );
}

/** Paths in the archive of the files that have several names, by device and inode. */
type SeveralNames = Map<string, string>;

/** What is below a folder, links and devices as they are, with its permissions; everything belongs to root. */
function* entriesIn(folder: string, prefix: string, seen: SeveralNames): Generator<CpioEntry> {
  for (const name of readdirSync(folder).sort()) {
    const file = join(folder, name);
    const entry = guarded(file, () => entryOf(file, prefix + name, lstatSync(file), seen));
    if (entry) yield entry;
    if (entry?.kind === 'folder') yield* entriesIn(file, `${prefix}${name}/`, seen);
  }
}

/** Undefined for what has no place in an archive. */
function entryOf(file: string, path: string, stats: Stats, seen: SeveralNames): CpioEntry | undefined {
  const common = { path, permissions: stats.mode & 0o7777 };
  if (stats.isDirectory()) return { ...common, kind: 'folder' };
  if (stats.isFile()) {
    const identity = `${stats.dev}:${stats.ino}`;
    const target = stats.nlink > 1 ? seen.get(identity) : undefined;
    if (target !== undefined) return { path, kind: 'hard-link', target };
    seen.set(identity, path);
    // Before it is read: hosts do not read so much at once either.
    checkCpioFileSize(path, stats.size);
    return { ...common, kind: 'file', data: readFileSync(file) };
  }
  if (stats.isSymbolicLink()) return { ...common, kind: 'link', target: readlinkSync(file) };
  if (stats.isFIFO()) return { ...common, kind: 'pipe' };
  if (stats.isSocket()) return { ...common, kind: 'socket' };
  const device = { major: (stats.rdev >> 8) & 0xfff, minor: (stats.rdev & 0xff) | ((stats.rdev >> 12) & 0xfff00) };
  if (stats.isCharacterDevice()) return { ...common, ...device, kind: 'character-device' };
  return stats.isBlockDevice() ? { ...common, ...device, kind: 'block-device' } : undefined;
}

/** The kernel wants each archive at a multiple of 4 bytes. */
function concatenated(archives: readonly Uint8Array[]): Uint8Array {
  const aligned = (length: number): number => Math.ceil(length / 4) * 4;
  const whole = new Uint8Array(archives.reduce((sum, { length }) => aligned(sum) + length, 0));
  let at = 0;
  for (const archive of archives) {
    whole.set(archive, at);
    at += aligned(archive.length);
  }
  return whole;
}

function guarded<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof CpioError) throw new AdapterError(error.message);
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new AdapterError(`${path} cannot be read (${code}). Check the path and its permissions.`);
  }
}
