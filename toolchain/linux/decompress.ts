/**
 * Decompression of what Linux ships compressed: the kernel within a bzImage, initial RAM disks. All but gzip append the
 * size of the unpacked kernel, 32 bits, little-endian; gzip ends with it anyway (scripts/Makefile.lib of the kernel).
 */
import { gunzipSync } from 'fflate';
import { decompress as unzstd } from 'fzstd';
import { KernelImageError } from './kernel-image-error';
import { unlz4Legacy } from './lz4';

export type KernelCompression = 'gzip' | 'bzip2' | 'lzma' | 'xz' | 'lzo' | 'lz4' | 'zstd';

/** First bytes of each format (lib/decompress.c). */
const MAGIC: readonly (readonly [KernelCompression, readonly number[]])[] = [
  ['gzip', [0x1f, 0x8b]],
  ['bzip2', [0x42, 0x5a, 0x68]],
  ['lzma', [0x5d, 0x00, 0x00]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ['lzo', [0x89, 0x4c, 0x5a, 0x4f]],
  ['lz4', [0x02, 0x21, 0x4c, 0x18]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
];

const SIZE_BYTES = 4;
/** No kernel is larger: what promises more is damaged. */
const MOST_BYTES = 2 ** 30;

type Unpack = (data: Uint8Array, size: number) => Uint8Array;

/** The ones unpacked here; a kernel in another format unpacks itself. */
const UNPACK: Partial<Record<KernelCompression, Unpack>> = {
  // The library fills what it is given and says nothing of the rest: a byte more shows that there was one.
  gzip: (data, size) => gunzipSync(data, { out: new Uint8Array(size + 1) }),
  lz4: (data, size) => unlz4Legacy(data.subarray(0, -SIZE_BYTES), size),
  zstd: (data) => unzstd(data.subarray(0, -SIZE_BYTES)),
};

/** The format of a kernel's payload, undefined if it is none that Linux uses. */
export function compressionOf(payload: Uint8Array): KernelCompression | undefined {
  return MAGIC.find(([, magic]) => magic.every((byte, index) => payload[index] === byte))?.[0];
}

/** Whether `decompressKernel` knows the format. */
export function canDecompress(compression: KernelCompression | undefined): compression is KernelCompression {
  return compression !== undefined && UNPACK[compression] !== undefined;
}

/** The vmlinux in a bzImage's payload. Throws KernelImageError if it is damaged or of another format. */
export function decompressKernel(payload: Uint8Array): Uint8Array {
  const compression = compressionOf(payload);
  const unpack = compression && UNPACK[compression];
  const where = 'kernel payload';
  if (!unpack) {
    throw new KernelImageError(
      compression === undefined
        ? 'its compression is unknown'
        : `${compression} is not unpacked here, only by the kernel itself`,
      where,
      'Let the kernel unpack itself.',
    );
  }
  const size = new DataView(payload.buffer, payload.byteOffset + payload.length - SIZE_BYTES).getUint32(0, true);
  const damaged = (what: string): KernelImageError =>
    new KernelImageError(what, `${where}, ${compression}`, 'The kernel is damaged: copy it again.');
  if (size > MOST_BYTES) throw damaged(`it promises ${size} bytes`);
  let unpacked: Uint8Array;
  try {
    unpacked = unpack(payload, size);
  } catch (error) {
    throw damaged(error instanceof Error ? error.message : String(error));
  }
  if (unpacked.length !== size) throw damaged(`it has ${unpacked.length} bytes instead of ${size}`);
  return unpacked;
}
