/** What a file given as initial RAM disk is, as far as its first bytes show (init/initramfs.c, init/do_mounts_rd.c of Linux). */
import { compressionOf } from '../linux/decompress';

const NEWC = '070701';
const NEWC_WITH_CHECKSUMS = '070702';
const PORTABLE = '070707';

/** Magic numbers of file systems that kernels take from a RAM disk, and where they are. */
const FILE_SYSTEMS: readonly (readonly [name: string, at: number, magic: string])[] = [
  ['ext2', 0x438, '\x53\xef'],
  ['squashfs', 0, 'hsqs'],
  ['romfs', 0, '-rom1fs-'],
  ['cramfs', 0, '\x45\x3d\xcd\x28'],
  ['minix', 0x410, '\x7f\x13'],
  ['minix', 0x410, '\x8f\x13'],
];

/**
 * Why a kernel will not find its initial file system in these bytes; undefined if it may. What it finds in the end depends
 * on how it was built.
 */
export function initrdProblem(bytes: Uint8Array): string | undefined {
  // Zeros between archives are padding, also before the first one.
  const start = Math.max(
    0,
    bytes.findIndex((byte) => byte !== 0),
  );
  const magic = textAt(bytes, start, NEWC.length);
  if (magic === NEWC || magic === NEWC_WITH_CHECKSUMS || compressionOf(bytes.subarray(start)) !== undefined) {
    return undefined;
  }
  if (magic === PORTABLE) return 'it is a cpio archive in the format odc; Linux takes newc only (cpio -H newc)';
  if (bytes.length === 0) return 'it is empty';
  if (FILE_SYSTEMS.some(([, at, text]) => textAt(bytes, at, text.length) === text)) return undefined;
  const first = [...bytes.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return `it begins with ${first}: it is neither a cpio archive, nor compressed, nor a file system Linux would take`;
}

function textAt(bytes: Uint8Array, at: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + length));
}
