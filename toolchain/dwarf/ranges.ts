/** Reads address ranges: .debug_rnglists of DWARF 5 (section 7.28), .debug_ranges before (DWARF 4, section 2.17.3). */
import type { ByteReader } from '../elf/bytes';
import type { FormReader } from './forms';
import { readOffset, readTargetAddress } from './forms';
import * as dw from './format';

/** From `start` up to, not including, `end`. */
export interface AddressRange {
  readonly start: bigint;
  readonly end: bigint;
}

export function contains({ start, end }: AddressRange, address: bigint): boolean {
  return address >= start && address < end;
}

/** The ranges of a DW_AT_ranges value; `base` is the low_pc of the unit. Empty ranges are left out. */
export function readRanges(forms: FormReader, form: number, value: number, base: bigint): AddressRange[] {
  const ranges =
    forms.encoding.version >= 5 ? readRangeList(forms, form, value, base) : readOldRanges(forms, value, base);
  return ranges.filter(({ start, end }) => end > start);
}

function readRangeList(forms: FormReader, form: number, value: number, unitBase: bigint): AddressRange[] {
  const { sections, encoding, bases } = forms;
  let offset = value;
  if (form === dw.DW_FORM_rnglistx) {
    const entry = sections.reader('.debug_rnglists', bases.ranges + value * (encoding.is64 ? 8 : 4));
    offset = bases.ranges + readOffset(entry, encoding);
  }
  const reader = sections.reader('.debug_rnglists', offset);
  const ranges: AddressRange[] = [];
  let base = unitBase;
  for (;;) {
    const kind = reader.u8();
    switch (kind) {
      case dw.DW_RLE_end_of_list:
        return ranges;
      case dw.DW_RLE_base_addressx:
        base = forms.indexedAddress(reader.uleb());
        break;
      case dw.DW_RLE_startx_endx:
        ranges.push({ start: forms.indexedAddress(reader.uleb()), end: forms.indexedAddress(reader.uleb()) });
        break;
      case dw.DW_RLE_startx_length:
        ranges.push(ofLength(forms.indexedAddress(reader.uleb()), reader));
        break;
      case dw.DW_RLE_offset_pair:
        ranges.push({ start: base + length(reader), end: base + length(reader) });
        break;
      case dw.DW_RLE_base_address:
        base = readTargetAddress(reader, encoding);
        break;
      case dw.DW_RLE_start_end:
        ranges.push({ start: readTargetAddress(reader, encoding), end: readTargetAddress(reader, encoding) });
        break;
      case dw.DW_RLE_start_length:
        ranges.push(ofLength(readTargetAddress(reader, encoding), reader));
        break;
      default:
        reader.fail(`range list entry ${kind} is not known`);
    }
  }
}

function ofLength(start: bigint, reader: ByteReader): AddressRange {
  return { start, end: start + length(reader) };
}

function length(reader: ByteReader): bigint {
  const value = reader.uleb();
  return Number.isSafeInteger(value) ? BigInt(value) : reader.fail('a range is too long');
}

function readOldRanges({ sections, encoding }: FormReader, offset: number, unitBase: bigint): AddressRange[] {
  const reader = sections.reader('.debug_ranges', offset);
  const selectBase = encoding.addressSize === 8 ? 0xffffffffffffffffn : 0xffffffffn;
  const ranges: AddressRange[] = [];
  let base = unitBase;
  for (;;) {
    const start = readTargetAddress(reader, encoding);
    const end = readTargetAddress(reader, encoding);
    if (start === 0n && end === 0n) return ranges;
    if (start === selectBase) base = end;
    else ranges.push({ start: base + start, end: base + end });
  }
}
