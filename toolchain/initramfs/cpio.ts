/**
 * Writes cpio archives of the format "newc", what Linux unpacks as its initial file system
 * (Documentation/driver-api/early-userspace/buffer-format.rst of the kernel). Devices are entries, not files: no rights
 * are needed to make them.
 */

import { FileFormatError } from '../elf/error';

/** Something that an archive cannot hold, or that Linux would not take out of it. */
export class CpioError extends FileFormatError {}

interface Common {
  /** Path without a leading slash; folders come before what is in them. */
  readonly path: string;
  /** Permission bits; default 755 for folders and 644 for files, octal. */
  readonly permissions?: number;
}

export type CpioEntry =
  | (Common & { readonly kind: 'file'; readonly data: Uint8Array })
  | (Common & { readonly kind: 'folder' | 'pipe' | 'socket' })
  /** Another name of an earlier file. */
  | { readonly kind: 'hard-link'; readonly path: string; readonly target: string }
  | (Common & { readonly kind: 'link'; readonly target: string })
  | (Common & {
      readonly kind: 'character-device' | 'block-device';
      readonly major: number;
      readonly minor: number;
    });

/** Hard links are the file they are another name of. */
type NodeEntry = Exclude<CpioEntry, { readonly kind: 'hard-link' }>;

/** S_IFMT bits of stat(2). */
const TYPE_BITS: Readonly<Record<NodeEntry['kind'], number>> = {
  pipe: 0o010000,
  'character-device': 0o020000,
  folder: 0o040000,
  'block-device': 0o060000,
  file: 0o100000,
  link: 0o120000,
  socket: 0o140000,
};
const DEFAULT_PERMISSIONS: Readonly<Record<NodeEntry['kind'], number>> = {
  pipe: 0o644,
  'character-device': 0o600,
  folder: 0o755,
  'block-device': 0o600,
  file: 0o644,
  link: 0o777,
  socket: 0o755,
};

const MAGIC = '070701';
const TRAILER = 'TRAILER!!!';
const ALIGNMENT = 4;
/** PATH_MAX of Linux, with the terminating zero: entries with a longer name it leaves out. */
const MOST_NAME_BYTES = 4096;
/** Linux reads sizes as signed numbers in places. */
const MOST_FILE_BYTES = 0x7fffffff;
/** Archives end at a whole block, as cpio pads them. */
const BLOCK_BYTES = 512;

/**
 * The archive with these entries; everything belongs to root, and has no date, so that the same entries are the same
 * bytes. Throws CpioError.
 */
export function writeCpio(entries: readonly CpioEntry[]): Uint8Array {
  const parts: Uint8Array[] = [];
  let length = 0;
  const add = (bytes: Uint8Array, alignment = ALIGNMENT): void => {
    const padding = -(length + bytes.length) & (alignment - 1);
    parts.push(bytes, new Uint8Array(padding));
    length += bytes.length + padding;
  };
  const files = filesByPath(entries);
  entries.forEach((entry) => {
    const file = files.get(entry.path);
    // What has several names has its content with the first.
    const node = entry.kind === 'hard-link' ? file?.entry : entry;
    if (!file || !node) throw noTarget(entry);
    const data = entry.kind === 'hard-link' ? new Uint8Array() : dataOf(entry);
    checkFileSize(entry.path, data.length);
    add(header(entry.path, file.inode, modeOf(node), data.length, deviceOf(node), file.names));
    add(data);
  });
  add(header(TRAILER, 0, 0, 0, { major: 0, minor: 0 }, 1), BLOCK_BYTES);
  const archive = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    archive.set(part, at);
    at += part.length;
  }
  return archive;
}

/** Throws CpioError for a file that is too large to be taken out of an archive. */
export function checkFileSize(path: string, bytes: number): void {
  if (bytes <= MOST_FILE_BYTES) return;
  throw new CpioError(
    `it has ${bytes} bytes, Linux takes files of less than 2 GiB out of a RAM disk`,
    path,
    'Leave it out.',
  );
}

interface NamedFile {
  readonly entry: NodeEntry;
  readonly inode: number;
  names: number;
}

/** What each path stands for. */
function filesByPath(entries: readonly CpioEntry[]): ReadonlyMap<string, NamedFile> {
  const files = new Map<string, NamedFile>();
  entries.forEach((entry, index) => {
    if (entry.kind !== 'hard-link') {
      files.set(entry.path, { entry, inode: index + 1, names: entry.kind === 'folder' ? 2 : 1 });
      return;
    }
    const target = files.get(entry.target);
    if (target?.entry.kind !== 'file') throw noTarget(entry);
    target.names++;
    files.set(entry.path, target);
  });
  return files;
}

function noTarget(entry: CpioEntry): CpioError {
  const target = entry.kind === 'hard-link' ? entry.target : entry.path;
  return new CpioError(`there is no file ${target} before it`, entry.path, 'Put the file before its other names.');
}

function dataOf(entry: NodeEntry): Uint8Array {
  if (entry.kind === 'file') return entry.data;
  return entry.kind === 'link' ? new TextEncoder().encode(entry.target) : new Uint8Array();
}

function modeOf({ kind, permissions }: NodeEntry): number {
  return TYPE_BITS[kind] | (permissions ?? DEFAULT_PERMISSIONS[kind]);
}

function deviceOf(entry: NodeEntry): { readonly major: number; readonly minor: number } {
  return entry.kind === 'character-device' || entry.kind === 'block-device' ? entry : { major: 0, minor: 0 };
}

function header(
  path: string,
  inode: number,
  mode: number,
  size: number,
  device: { readonly major: number; readonly minor: number },
  links: number,
): Uint8Array {
  const name = new TextEncoder().encode(`${path}\0`);
  if (name.length > MOST_NAME_BYTES || path.includes('\0')) {
    throw new CpioError(
      `its name has ${name.length - 1} bytes, Linux takes ${MOST_NAME_BYTES - 1} without a zero`,
      path.slice(0, 60),
      'Shorten it.',
    );
  }
  const [user, group, time, hostMajor, hostMinor, check] = [0, 0, 0, 0, 0, 0];
  const numbers = [
    ...[inode, mode, user, group, links, time, size, hostMajor, hostMinor],
    ...[device.major, device.minor, name.length, check],
  ];
  const text = new TextEncoder().encode(
    MAGIC + numbers.map((number) => number.toString(16).toUpperCase().padStart(8, '0')).join(''),
  );
  const bytes = new Uint8Array(text.length + name.length);
  bytes.set(text);
  bytes.set(name, text.length);
  return bytes;
}
