/** Where a linked image lies, as data. */

/** A run of output sections that follow one another in memory. */
export interface Region {
  /** Output sections whose name starts with this belong here; '' takes all that are left. */
  readonly prefix: string;
  /** Virtual minus physical address. */
  readonly displacement: bigint;
  /**
   * Output sections that gather several input sections; in memory they come before others of the same protection. An
   * input section of another name makes an output section of its own.
   */
  readonly families: readonly SectionFamily[];
  /**
   * True: output sections keep the order in which the sources first name them. False: code, read-only data, data, bss.
   */
  readonly keepOrder: boolean;
}

/** The inputs NAME and NAME.anything, for each name in turn, make the output section `output`. */
export interface SectionFamily {
  readonly output: string;
  readonly inputs: readonly string[];
}

/** A symbol that the linker defines where an object asks for it. */
export interface ProvidedSymbol {
  readonly name: string;
  /**
   * A section's start or end; `load` is everything that comes from the file, `image` also .bss. Where the image has no
   * such section, the end of the part of the image before it.
   */
  readonly of: '.text' | '.rodata' | '.data' | '.bss' | 'load' | 'image';
  readonly edge: 'start' | 'end';
  /** The value is a physical address and absolute. */
  readonly physical?: boolean;
}

export interface Layout {
  readonly name: 'user' | 'kernel';
  /** Physical address of the first byte of the image. */
  readonly start: number;
  /** File offset of the byte at `start`; the file is contiguous from there as memory is. */
  readonly startFileOffset: number;
  /** True if the ELF headers are the first thing in memory, in a segment of their own. */
  readonly loadsHeaders: boolean;
  readonly regions: readonly Region[];
  /** Output sections that begin on a page even when the protection does not change. */
  readonly pageAligned: readonly string[];
  /** What the end of the image (not of what is loaded) is a multiple of. */
  readonly endAlignment: number;
  readonly entry: string;
  readonly provided: readonly ProvidedSymbol[];
}

export const PAGE_SIZE = 4096;

/** As in GNU ld's default script. */
const FAMILIES: readonly SectionFamily[] = ['.text', '.rodata', '.data', '.bss'].map((name) => ({
  output: name,
  inputs: [name],
}));

/** As in Linux, the entry code comes first in .text. */
const KERNEL_FAMILIES: readonly SectionFamily[] = FAMILIES.map(({ output, inputs }) =>
  output === '.text' ? { output, inputs: ['.entry.text', ...inputs] } : { output, inputs },
);

const SECTION_ENDS: readonly ProvidedSymbol[] = [
  { name: '_text', of: '.text', edge: 'start' },
  { name: '_stext', of: '.text', edge: 'start' },
  { name: '_etext', of: '.text', edge: 'end' },
  { name: 'etext', of: '.text', edge: 'end' },
  { name: '__start_rodata', of: '.rodata', edge: 'start' },
  { name: '__end_rodata', of: '.rodata', edge: 'end' },
  { name: '_sdata', of: '.data', edge: 'start' },
  { name: '_edata', of: 'load', edge: 'end' },
  { name: 'edata', of: 'load', edge: 'end' },
  { name: '__bss_start', of: '.bss', edge: 'start' },
  { name: '__bss_stop', of: '.bss', edge: 'end' },
  { name: '_end', of: 'image', edge: 'end' },
  { name: 'end', of: 'image', edge: 'end' },
];

/** A static program as GNU ld lays it out by default. */
export const USER_LAYOUT: Layout = {
  name: 'user',
  start: 0x400000,
  startFileOffset: 0,
  loadsHeaders: true,
  regions: [{ prefix: '', displacement: 0n, families: FAMILIES, keepOrder: false }],
  pageAligned: [],
  endAlignment: 1,
  entry: '_start',
  provided: SECTION_ENDS,
};

/** Linux's __START_KERNEL_map: virtual address of physical address 0 in the kernel's mapping of itself. */
export const START_KERNEL_MAP = 0xffffffff80000000n;

/**
 * A kernel that a multiboot 1 loader places by the address fields of its header: `.boot*` runs where it is loaded, at
 * 1 MiB, the rest in the top 2 GiB. The header, in the first `.boot` section, is within the file's first 8192 bytes.
 */
export const KERNEL_LAYOUT: Layout = {
  name: 'kernel',
  start: 0x100000,
  startFileOffset: PAGE_SIZE,
  loadsHeaders: false,
  regions: [
    { prefix: '.boot', displacement: 0n, families: [], keepOrder: true },
    { prefix: '', displacement: START_KERNEL_MAP, families: KERNEL_FAMILIES, keepOrder: false },
  ],
  pageAligned: KERNEL_FAMILIES.map(({ output }) => output),
  endAlignment: PAGE_SIZE,
  entry: '_start',
  provided: [
    ...SECTION_ENDS,
    { name: '_kernel_start_pa', of: 'image', edge: 'start', physical: true },
    { name: '_kernel_load_end_pa', of: 'load', edge: 'end', physical: true },
    { name: '_kernel_end_pa', of: 'image', edge: 'end', physical: true },
  ],
};
