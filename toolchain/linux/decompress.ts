/**
 * Decompression of what Linux ships compressed: the kernel within a bzImage, initial RAM disks. All but gzip append the
 * size of the unpacked kernel, 32 bits, little-endian; gzip ends with it anyway (scripts/Makefile.lib of the kernel).
 */
import { gunzipSync } from 'fflate';
import { decompress as unzstd } from 'fzstd';
import { crc32 } from './crc32';
import { KernelImageError } from './kernel-image-error';
import { unlz4Legacy } from './lz4';
import { unlzma } from './lzma';
import { unxz } from './xz';
import { xxhash64Low } from './xxhash64';

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
/** A header, a checksum and a size of any format have as many bytes. */
const LEAST_PAYLOAD = 18;
/** No kernel is larger: what promises more is damaged. */
const MOST_BYTES = 2 ** 30;

/** `size`: bytes of what is unpacked; throws if the data is damaged. */
type Unpack = (data: Uint8Array, size: number) => Uint8Array;

/** What a host brings along that is faster than the libraries here, which run anywhere. */
export interface NativeUnpackers {
  readonly gzip?: Unpack;
}

/** The ones unpacked here; a kernel in another format (bzip2, lzo: rare) unpacks itself. */
const UNPACK: Partial<Record<KernelCompression, Unpack>> = {
  gzip: ungzip,
  lzma: (data, size) => unlzma(data.subarray(0, -SIZE_BYTES), size),
  xz: (data, size) => unxz(data.subarray(0, -SIZE_BYTES), size),
  lz4: (data, size) => unlz4Legacy(data.subarray(0, -SIZE_BYTES), size),
  zstd: (data, size) => unzstandard(data.subarray(0, -SIZE_BYTES), size),
};

/** The library neither looks at the checksum nor says that there is more than fits: a byte more shows that there was. */
function ungzip(data: Uint8Array, size: number): Uint8Array {
  const unpacked = gunzipSync(data, { out: new Uint8Array(size + 1) });
  const checksum = new DataView(data.buffer, data.byteOffset).getUint32(data.length - 2 * SIZE_BYTES, true);
  if (crc32(unpacked) !== checksum) throw new Error('the checksum of what is unpacked is wrong');
  return unpacked;
}

/** Frame_Header_Descriptor of a zstd frame, and its bit that says that the frame ends with a checksum (RFC 8878). */
const ZSTD_DESCRIPTOR = 4;
const ZSTD_CHECKSUM = 1 << 2;

/**
 * The library does not look at the checksum. It is six times faster if it is told where to unpack to, but then does not
 * say how far it came: the checksum does.
 */
function unzstandard(data: Uint8Array, size: number): Uint8Array {
  if (!(data[ZSTD_DESCRIPTOR] & ZSTD_CHECKSUM)) return unzstd(data);
  const unpacked = unzstd(data, new Uint8Array(size));
  const checksum = new DataView(data.buffer, data.byteOffset).getUint32(data.length - 4, true);
  if (xxhash64Low(unpacked) !== checksum) throw new Error('the checksum of what is unpacked is wrong');
  return unpacked;
}

/** The format of a kernel's payload, undefined if it is none that Linux uses. */
export function compressionOf(payload: Uint8Array): KernelCompression | undefined {
  return MAGIC.find(([, magic]) => magic.every((byte, index) => payload[index] === byte))?.[0];
}

/** Whether `decompressKernel` knows the format. */
export function canDecompress(compression: KernelCompression | undefined): compression is KernelCompression {
  return compression !== undefined && UNPACK[compression] !== undefined;
}

/** The vmlinux in a bzImage's payload. Throws KernelImageError if it is damaged or of another format. */
export function decompressKernel(payload: Uint8Array, native: NativeUnpackers = {}): Uint8Array {
  const compression = compressionOf(payload);
  const unpack = compression && { ...UNPACK, ...native }[compression];
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
  const damaged = (what: string): KernelImageError =>
    new KernelImageError(what, `${where}, ${compression}`, 'The kernel is damaged: copy it again.');
  if (payload.length < LEAST_PAYLOAD) throw damaged(`it has ${payload.length} bytes only`);
  const size = new DataView(payload.buffer, payload.byteOffset + payload.length - SIZE_BYTES).getUint32(0, true);
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
