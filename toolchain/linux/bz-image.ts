/**
 * bzImage, the form Linux kernels are shipped in (Documentation/x86/boot.rst of the kernel): real-mode setup code with a
 * header, then a program for protected mode that carries the kernel compressed.
 */
import type { KernelCompression } from './decompress';
import { compressionOf } from './decompress';
import { KernelImageError } from './kernel-image-error';
import { noKernel, TAKE_X86 } from './other-files';

/** Offsets in the file. */
const enum Header {
  SETUP_SECTS = 0x1f1,
  SYSSIZE = 0x1f4,
  BOOT_FLAG = 0x1fe,
  /** Second byte of a jump over the header: the header ends so many bytes behind it. */
  JUMP_DISTANCE = 0x201,
  MAGIC = 0x202,
  VERSION = 0x206,
  LOADFLAGS = 0x211,
  XLOADFLAGS = 0x236,
  PAYLOAD_OFFSET = 0x248,
  PAYLOAD_LENGTH = 0x24c,
  PREF_ADDRESS = 0x258,
  INIT_SIZE = 0x260,
}

/** Bytes up to the end of the magic number, and of the last field read here. */
const MAGIC_END = 0x206;
const HEADER_END = 0x264;
const BOOT_FLAG = 0xaa55;
/** "HdrS". */
const MAGIC = 0x53726448;
/** Protocol 2.12 is the first with a 64-bit entry (Linux 3.8). */
const LEAST_VERSION = 0x020c;
const LOADED_HIGH = 1 << 0;
const XLF_KERNEL_64 = 1 << 0;
const SECTOR_BYTES = 512;
const SETUP_SECTS_DEFAULT = 4;
const PARAGRAPH_BYTES = 16;
const ENTRY_64 = 0x200n;

export interface BzImage {
  /** Protocol version, such as 0x20f. */
  readonly version: number;
  /** The setup header, from offset 1f1h. */
  readonly setupHeader: Uint8Array;
  /** The program for protected mode, which decompresses the kernel. */
  readonly code: Uint8Array;
  /** Physical address the code wants to be loaded at. */
  readonly preferredAddress: bigint;
  /** Bytes of memory the code needs from there on until the kernel runs. */
  readonly initSize: number;
  /** 32-bit entry, and 64-bit entry, of the code when it is at its preferred address. */
  readonly entry32: bigint;
  readonly entry64: bigint;
  /** The compressed vmlinux within `code`. */
  readonly payload: Uint8Array;
  /** Undefined if it is none the kernel is known to use. */
  readonly compression: KernelCompression | undefined;
}

const COPY_AGAIN = 'Copy the file again.';

/** Whether a file has the header of a bzImage. */
export function isBzImage(file: Uint8Array): boolean {
  return file.length >= MAGIC_END && view(file).getUint32(Header.MAGIC, true) === MAGIC;
}

/** Reads a bzImage. Throws KernelImageError. */
export function readBzImage(file: Uint8Array): BzImage {
  if (!isBzImage(file)) throw noKernel(file);
  if (file.length < HEADER_END) {
    throw new KernelImageError('the file ends within the header', 'bzImage header', COPY_AGAIN);
  }
  const header = view(file);
  const word = (at: Header): number => header.getUint32(at, true);
  const version = header.getUint16(Header.VERSION, true);
  if (header.getUint16(Header.BOOT_FLAG, true) !== BOOT_FLAG) {
    throw new KernelImageError('the boot flag is not aa55', 'bzImage header, offset 0x1fe', COPY_AGAIN);
  }
  if (!(file[Header.LOADFLAGS] & LOADED_HIGH)) {
    throw new KernelImageError('it is a zImage, which is loaded low', 'bzImage header, loadflags', TAKE_X86);
  }
  if (version < LEAST_VERSION || !(header.getUint16(Header.XLOADFLAGS, true) & XLF_KERNEL_64)) {
    const number = `${version >> 8}.${String(version & 0xff).padStart(2, '0')}`;
    throw new KernelImageError(
      `the kernel is a 32-bit one (boot protocol ${number}, no 64-bit entry)`,
      'bzImage header, xloadflags',
      TAKE_X86,
    );
  }
  const setupBytes = SECTOR_BYTES * (1 + (file[Header.SETUP_SECTS] || SETUP_SECTS_DEFAULT));
  const codeBytes = word(Header.SYSSIZE) * PARAGRAPH_BYTES;
  const payloadOffset = word(Header.PAYLOAD_OFFSET);
  const payloadLength = word(Header.PAYLOAD_LENGTH);
  const needed = setupBytes + Math.max(codeBytes, payloadOffset + payloadLength);
  // syssize counts paragraphs, the last of which may be cut off.
  if (file.length + PARAGRAPH_BYTES <= needed || file.length < setupBytes + payloadOffset + payloadLength) {
    throw new KernelImageError(
      `the file has ${file.length} bytes, its header promises ${needed}`,
      'bzImage',
      `It is truncated. ${COPY_AGAIN}`,
    );
  }
  const code = file.subarray(setupBytes);
  const payload = code.subarray(payloadOffset, payloadOffset + payloadLength);
  const preferredAddress = header.getBigUint64(Header.PREF_ADDRESS, true);
  return {
    version,
    setupHeader: file.subarray(Header.SETUP_SECTS, Header.MAGIC + file[Header.JUMP_DISTANCE]),
    code,
    preferredAddress,
    initSize: word(Header.INIT_SIZE),
    entry32: preferredAddress,
    entry64: preferredAddress + ENTRY_64,
    payload,
    compression: compressionOf(payload),
  };
}

function view({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
