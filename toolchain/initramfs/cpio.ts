/**
 * Writes cpio archives of the format "newc", what Linux unpacks as its initial file system
 * (Documentation/driver-api/early-userspace/buffer-format.rst of the kernel). Devices are entries, not files: no rights
 * are needed to make them.
 */

interface Common {
  /** Path without a leading slash; folders come before what is in them. */
  readonly path: string;
  /** Permission bits; default 755 for folders and 644 for files, octal. */
  readonly permissions?: number;
}

export type CpioEntry =
  | (Common & { readonly kind: 'file'; readonly data: Uint8Array })
  | (Common & { readonly kind: 'folder' })
  | (Common & { readonly kind: 'link'; readonly target: string })
  | (Common & {
      readonly kind: 'character-device' | 'block-device';
      readonly major: number;
      readonly minor: number;
    });

/** S_IFMT bits of stat(2). */
const TYPE_BITS: Readonly<Record<CpioEntry['kind'], number>> = {
  'character-device': 0o020000,
  folder: 0o040000,
  'block-device': 0o060000,
  file: 0o100000,
  link: 0o120000,
};
const DEFAULT_PERMISSIONS: Readonly<Record<CpioEntry['kind'], number>> = {
  'character-device': 0o600,
  folder: 0o755,
  'block-device': 0o600,
  file: 0o644,
  link: 0o777,
};

const MAGIC = '070701';
const TRAILER = 'TRAILER!!!';
const ALIGNMENT = 4;
/** Archives end at a whole block, as cpio pads them. */
const BLOCK_BYTES = 512;

/** The archive with these entries; everything belongs to root, and has no date, so that the same entries are the same bytes. */
export function writeCpio(entries: readonly CpioEntry[]): Uint8Array {
  const parts: Uint8Array[] = [];
  let length = 0;
  const add = (bytes: Uint8Array, alignment = ALIGNMENT): void => {
    const padding = -(length + bytes.length) & (alignment - 1);
    parts.push(bytes, new Uint8Array(padding));
    length += bytes.length + padding;
  };
  entries.forEach((entry, index) => {
    const data = dataOf(entry);
    add(header(entry.path, index + 1, modeOf(entry), data.length, deviceOf(entry), entry.kind === 'folder' ? 2 : 1));
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

function dataOf(entry: CpioEntry): Uint8Array {
  if (entry.kind === 'file') return entry.data;
  return entry.kind === 'link' ? new TextEncoder().encode(entry.target) : new Uint8Array();
}

function modeOf({ kind, permissions }: CpioEntry): number {
  return TYPE_BITS[kind] | (permissions ?? DEFAULT_PERMISSIONS[kind]);
}

function deviceOf(entry: CpioEntry): { readonly major: number; readonly minor: number } {
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
