/** The relocation types of static x86-64 objects (x86-64 psABI, table 4.9). */

export const R_X86_64_NONE = 0;
export const R_X86_64_64 = 1;
export const R_X86_64_PC32 = 2;
export const R_X86_64_PLT32 = 4;
export const R_X86_64_32 = 10;
export const R_X86_64_32S = 11;
export const R_X86_64_16 = 12;
export const R_X86_64_PC16 = 13;
export const R_X86_64_8 = 14;
export const R_X86_64_PC8 = 15;
export const R_X86_64_PC64 = 24;
export const R_X86_64_GOTPCRELX = 41;
export const R_X86_64_REX_GOTPCRELX = 42;

/** How a relocation type computes and stores its value. */
export interface RelocationType {
  readonly name: string;
  /** Bytes stored. */
  readonly size: 0 | 1 | 2 | 4 | 8;
  /** S + A - P instead of S + A. */
  readonly pcRelative: boolean;
  /** Which 64-bit results the field can hold: as unsigned, as signed, either (what GNU ld calls a bit field). */
  readonly range: 'any' | 'unsigned' | 'signed' | 'bitfield';
}

const type = (
  name: string,
  size: RelocationType['size'],
  pcRelative: boolean,
  range: RelocationType['range'],
): RelocationType => ({ name: `R_X86_64_${name}`, size, pcRelative, range });

/** By number. GOTPCRELX types are here in the form they take when relaxed to a PC-relative reference. */
export const RELOCATION_TYPES: ReadonlyMap<number, RelocationType> = new Map([
  [R_X86_64_NONE, type('NONE', 0, false, 'any')],
  [R_X86_64_64, type('64', 8, false, 'any')],
  [R_X86_64_PC32, type('PC32', 4, true, 'signed')],
  [R_X86_64_PLT32, type('PLT32', 4, true, 'signed')],
  [R_X86_64_32, type('32', 4, false, 'unsigned')],
  [R_X86_64_32S, type('32S', 4, false, 'signed')],
  [R_X86_64_16, type('16', 2, false, 'bitfield')],
  [R_X86_64_PC16, type('PC16', 2, true, 'bitfield')],
  [R_X86_64_8, type('8', 1, false, 'bitfield')],
  [R_X86_64_PC8, type('PC8', 1, true, 'signed')],
  [R_X86_64_PC64, type('PC64', 8, true, 'any')],
  [R_X86_64_GOTPCRELX, type('GOTPCRELX', 4, true, 'signed')],
  [R_X86_64_REX_GOTPCRELX, type('REX_GOTPCRELX', 4, true, 'signed')],
]);
