/** The Multiboot Specification, version 0.6.96 ("multiboot 1"): headers, loading, boot information. */
import { Gpr } from '../isa/instruction';
import { PAGE_BYTES } from '../memory';
import { physicalEntry } from './flat';
import { hex, ImageError, type Image, type ImageSegment } from './image';
import { loadSegments, startProtectedMode, startTableBytes, type BootTarget } from './start-state';

const HEADER_MAGIC = 0x1badb002;
/** In EAX at entry. */
export const BOOTLOADER_MAGIC = 0x2badb002;
/** The header lies within this many bytes from the start of the file. */
const HEADER_SEARCH_BYTES = 8192;

/** Flags of the header. Bits 0 to 15 are requirements, the others are optional. */
const enum HeaderFlag {
  PAGE_ALIGN = 1 << 0,
  MEMORY_INFO = 1 << 1,
  VIDEO_MODE = 1 << 2,
  ADDRESS_FIELDS = 1 << 16,
}
const REQUIREMENTS = 0xffff;

/** Flags of the boot information: which fields are valid. */
const enum InfoFlag {
  MEMORY = 1 << 0,
  COMMAND_LINE = 1 << 2,
  MODULES = 1 << 3,
  MEMORY_MAP = 1 << 6,
  BOOT_LOADER_NAME = 1 << 9,
}

/** Offsets in the boot information structure (section 3.3). */
const enum Info {
  FLAGS = 0,
  MEM_LOWER = 4,
  MEM_UPPER = 8,
  CMDLINE = 16,
  MODS_COUNT = 20,
  MODS_ADDR = 24,
  MMAP_LENGTH = 44,
  MMAP_ADDR = 48,
  BOOT_LOADER_NAME = 64,
  SIZE = 116,
}

const MODULE_BYTES = 16;
const MEMORY_MAP_ENTRY_BYTES = 24;
const MIB1 = 0x100000;
/** Conventional memory ends here: the extended BIOS data area follows. */
const LOWER_MEMORY_END = 0x9fc00;
const BOOT_LOADER_NAME = 'Ringside';

export interface MultibootModule {
  readonly bytes: Uint8Array;
  /** What the kernel finds as the module's string. */
  readonly string: string;
}

export interface MultibootOptions {
  readonly commandLine?: string;
  readonly modules?: readonly MultibootModule[];
}

interface Header {
  readonly offset: number;
  readonly flags: number;
  /** With the address fields: what to load, and where to start. */
  readonly image?: Image;
}

/** Whether a file has a multiboot header. */
export function hasMultibootHeader(file: Uint8Array): boolean {
  return findHeader(file) !== undefined;
}

/**
 * Loads a multiboot kernel and enters it as section 3.2 says. `elf` is the parsed file, if it is an ELF executable; it is
 * used unless the header has address fields. Throws ImageError.
 */
export function loadMultiboot(
  target: BootTarget,
  file: Uint8Array,
  elf: Image | undefined,
  options: MultibootOptions = {},
): void {
  const header = findHeader(file);
  if (!header) {
    throw new ImageError(
      'no-header',
      `There is no multiboot header in the first ${HEADER_SEARCH_BYTES} bytes of the image.`,
    );
  }
  const unknown = header.flags & REQUIREMENTS & ~(HeaderFlag.PAGE_ALIGN | HeaderFlag.MEMORY_INFO);
  if (unknown) {
    const what = unknown & HeaderFlag.VIDEO_MODE ? 'a video mode' : `features of flag bits ${hex(unknown)}`;
    throw new ImageError('unsupported', `The multiboot header requires ${what}, which this machine does not have.`);
  }
  const image = header.image ?? elf;
  if (!image) {
    throw new ImageError(
      'bad-header',
      'The multiboot header has no address fields (flag bit 16) and the image is not ELF.',
    );
  }
  const { memory, state } = target;
  const reserved = startTableBytes(memory, 32);
  const { high } = loadSegments(memory, image.segments, reserved);
  const info = writeBootInformation(target, Math.max(high, MIB1), memory.size - reserved, options);
  // The specification leaves ESP open; like other boot loaders this one leaves a stack that works.
  startProtectedMode(target, physicalEntry(image), BigInt(LOWER_MEMORY_END));
  state.gpr[Gpr.RAX] = BigInt(BOOTLOADER_MAGIC);
  state.gpr[Gpr.RBX] = BigInt(info);
}

function findHeader(file: Uint8Array): Header | undefined {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const word = (at: number): number => view.getUint32(at, true);
  for (let offset = 0; offset + 12 <= Math.min(file.length, HEADER_SEARCH_BYTES); offset += 4) {
    if (word(offset) !== HEADER_MAGIC) continue;
    const flags = word(offset + 4);
    if ((HEADER_MAGIC + flags + word(offset + 8)) >>> 0 !== 0) continue;
    if (!(flags & HeaderFlag.ADDRESS_FIELDS)) return { offset, flags };
    if (offset + 32 > file.length)
      throw new ImageError('truncated', 'The multiboot header ends before its address fields.');
    const [headerAddress, loadAddress, loadEnd, bssEnd, entry] = [12, 16, 20, 24, 28].map((at) => word(offset + at));
    return { offset, flags, image: addressImage(file, { offset, headerAddress, loadAddress, loadEnd, bssEnd, entry }) };
  }
  return undefined;
}

interface AddressFields {
  readonly offset: number;
  readonly headerAddress: number;
  readonly loadAddress: number;
  readonly loadEnd: number;
  readonly bssEnd: number;
  readonly entry: number;
}

/** Section 3.1.3: what the address fields tell to load. */
function addressImage(file: Uint8Array, fields: AddressFields): Image {
  const start = fields.offset - (fields.headerAddress - fields.loadAddress);
  if (fields.headerAddress < fields.loadAddress || start < 0) {
    throw new ImageError(
      'bad-header',
      `The multiboot load address ${hex(fields.loadAddress)} does not fit where the header is.`,
    );
  }
  const length = fields.loadEnd === 0 ? file.length - start : fields.loadEnd - fields.loadAddress;
  if (length < 0) throw new ImageError('bad-header', 'The multiboot load end address is below the load address.');
  if (start + length > file.length) {
    throw new ImageError(
      'truncated',
      `The multiboot header promises ${start + length} bytes, the image has ${file.length}.`,
    );
  }
  const memoryBytes = fields.bssEnd === 0 ? length : fields.bssEnd - fields.loadAddress;
  if (memoryBytes < length)
    throw new ImageError('bad-header', 'The multiboot bss end address is below the load end address.');
  const at = BigInt(fields.loadAddress);
  const segment: ImageSegment = { va: at, pa: at, bytes: file.subarray(start, start + length), memoryBytes };
  return { entry: BigInt(fields.entry), segments: [segment], mode: 32 };
}

/** Writes modules, strings, memory map and the structure itself from `from` upward; returns the structure's address. */
function writeBootInformation(target: BootTarget, from: number, end: number, options: MultibootOptions): number {
  const { memory } = target;
  const { modules = [], commandLine = '' } = options;
  let free = from;
  const place = (bytes: Uint8Array, alignment: number): number => {
    const at = Math.ceil(free / alignment) * alignment;
    if (at + bytes.length > end) {
      throw new ImageError(
        'too-big',
        `The boot modules need memory up to ${hex(at + bytes.length)}: give the machine more.`,
      );
    }
    memory.load(at, bytes);
    free = at + bytes.length;
    return at;
  };
  const placeString = (text: string): number => place(new TextEncoder().encode(`${text}\0`), 1);

  const placed = modules.map((module) => {
    const start = place(module.bytes, PAGE_BYTES);
    return { start, end: start + module.bytes.length, string: module.string };
  });
  const moduleList = new DataView(new ArrayBuffer(MODULE_BYTES * placed.length));
  placed.forEach((module, index) => {
    moduleList.setUint32(MODULE_BYTES * index, module.start, true);
    moduleList.setUint32(MODULE_BYTES * index + 4, module.end, true);
    moduleList.setUint32(MODULE_BYTES * index + 8, placeString(module.string), true);
  });

  const info = new DataView(new ArrayBuffer(Info.SIZE));
  const set = (offset: Info, value: number): void => info.setUint32(offset, value, true);
  const known = InfoFlag.MEMORY | InfoFlag.COMMAND_LINE | InfoFlag.MEMORY_MAP | InfoFlag.BOOT_LOADER_NAME;
  set(Info.FLAGS, known | InfoFlag.MODULES);
  set(Info.MEM_LOWER, LOWER_MEMORY_END >> 10);
  set(Info.MEM_UPPER, Math.max(0, memory.size - MIB1) >> 10);
  set(Info.CMDLINE, placeString(commandLine));
  set(Info.BOOT_LOADER_NAME, placeString(BOOT_LOADER_NAME));
  set(Info.MODS_COUNT, placed.length);
  set(Info.MODS_ADDR, place(new Uint8Array(moduleList.buffer), 4));
  const map = memoryMap(memory.size);
  set(Info.MMAP_LENGTH, map.length);
  set(Info.MMAP_ADDR, place(map, 4));
  return place(new Uint8Array(info.buffer), 4);
}

const AVAILABLE = 1;
const RESERVED = 2;

/** Entries of size, base, length and type (section 3.3, mmap_addr). */
function memoryMap(size: number): Uint8Array {
  const ranges: [base: number, end: number, type: number][] = [
    [0, LOWER_MEMORY_END, AVAILABLE],
    [LOWER_MEMORY_END, 0xa0000, RESERVED],
    [0xf0000, MIB1, RESERVED],
    [MIB1, size, AVAILABLE],
  ];
  const map = new DataView(new ArrayBuffer(MEMORY_MAP_ENTRY_BYTES * ranges.length));
  ranges.forEach(([base, end, type], index) => {
    const at = MEMORY_MAP_ENTRY_BYTES * index;
    map.setUint32(at, MEMORY_MAP_ENTRY_BYTES - 4, true);
    map.setBigUint64(at + 4, BigInt(base), true);
    map.setBigUint64(at + 12, BigInt(Math.max(0, end - base)), true);
    map.setUint32(at + 20, type, true);
  });
  return new Uint8Array(map.buffer);
}
