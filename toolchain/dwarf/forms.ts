/** Attribute values (DWARF 5, section 7.5.5). */
import type { ByteReader } from '../elf/bytes';
import * as dw from './format';
import type { DwarfSections } from './sections';

/** What the encoding of a value depends on. */
export interface Encoding {
  readonly version: number;
  /** 64-bit DWARF: section offsets take 8 bytes. */
  readonly is64: boolean;
  readonly addressSize: number;
}

/** What indexed forms are relative to: offsets in .debug_str_offsets, .debug_addr and .debug_rnglists. */
export interface IndexBases {
  readonly strings: number;
  readonly addresses: number;
  readonly ranges: number;
}

export interface AttributeSpecification {
  readonly attribute: number;
  readonly form: number;
  /** Value of DW_FORM_implicit_const. */
  readonly constant: number;
}

export function readOffset(reader: ByteReader, { is64 }: Encoding): number {
  return is64 ? reader.size64() : reader.u32();
}

export function readTargetAddress(reader: ByteReader, { addressSize }: Encoding): bigint {
  if (addressSize === 8) return reader.u64();
  if (addressSize === 4) return BigInt(reader.u32());
  return reader.fail(`addresses of ${addressSize} bytes are not known on x86`);
}

/** unit_length: the length and whether the unit is 64-bit DWARF (section 7.4). */
export function readUnitLength(reader: ByteReader): { length: number; is64: boolean } {
  const length = reader.u32();
  if (length === 0xffffffff) return { length: reader.size64(), is64: true };
  if (length >= 0xfffffff0) reader.fail(`0x${length.toString(16)} is a reserved unit length`);
  return { length, is64: false };
}

/** Bytes of a value of this form, or undefined if they vary. */
export function fixedSize(form: number, encoding: Encoding): number | undefined {
  switch (form) {
    case dw.DW_FORM_flag_present:
    case dw.DW_FORM_implicit_const:
      return 0;
    case dw.DW_FORM_data1:
    case dw.DW_FORM_ref1:
    case dw.DW_FORM_flag:
    case dw.DW_FORM_strx1:
    case dw.DW_FORM_addrx1:
      return 1;
    case dw.DW_FORM_data2:
    case dw.DW_FORM_ref2:
    case dw.DW_FORM_strx2:
    case dw.DW_FORM_addrx2:
      return 2;
    case dw.DW_FORM_strx3:
    case dw.DW_FORM_addrx3:
      return 3;
    case dw.DW_FORM_data4:
    case dw.DW_FORM_ref4:
    case dw.DW_FORM_ref_sup4:
    case dw.DW_FORM_strx4:
    case dw.DW_FORM_addrx4:
      return 4;
    case dw.DW_FORM_data8:
    case dw.DW_FORM_ref8:
    case dw.DW_FORM_ref_sig8:
    case dw.DW_FORM_ref_sup8:
      return 8;
    case dw.DW_FORM_data16:
      return 16;
    case dw.DW_FORM_addr:
      return encoding.addressSize;
    case dw.DW_FORM_ref_addr:
      return encoding.version <= 2 ? encoding.addressSize : encoding.is64 ? 8 : 4;
    case dw.DW_FORM_strp:
    case dw.DW_FORM_line_strp:
    case dw.DW_FORM_sec_offset:
    case dw.DW_FORM_strp_sup:
    case dw.DW_FORM_GNU_ref_alt:
    case dw.DW_FORM_GNU_strp_alt:
      return encoding.is64 ? 8 : 4;
    default:
      return undefined;
  }
}

export function skipForm(reader: ByteReader, form: number, encoding: Encoding): void {
  const size = fixedSize(form, encoding);
  if (size !== undefined) {
    reader.skip(size);
    return;
  }
  switch (form) {
    case dw.DW_FORM_udata:
    case dw.DW_FORM_sdata:
    case dw.DW_FORM_ref_udata:
    case dw.DW_FORM_strx:
    case dw.DW_FORM_addrx:
    case dw.DW_FORM_loclistx:
    case dw.DW_FORM_rnglistx:
      while (reader.u8() & 0x80);
      return;
    case dw.DW_FORM_string:
      while (reader.u8() !== 0);
      return;
    case dw.DW_FORM_exprloc:
    case dw.DW_FORM_block:
      reader.skip(reader.uleb());
      return;
    case dw.DW_FORM_block1:
      reader.skip(reader.u8());
      return;
    case dw.DW_FORM_block2:
      reader.skip(reader.u16());
      return;
    case dw.DW_FORM_block4:
      reader.skip(reader.u32());
      return;
    case dw.DW_FORM_indirect:
      skipForm(reader, directForm(reader), encoding);
      return;
    default:
      reader.fail(`attribute form 0x${form.toString(16)} is not known`);
  }
}

/** The form that follows DW_FORM_indirect. */
function directForm(reader: ByteReader): number {
  const form = reader.uleb();
  if (form === dw.DW_FORM_indirect || form === dw.DW_FORM_implicit_const)
    reader.fail('an indirect form is indirect again');
  return form;
}

/** Reads the values of one unit. */
export class FormReader {
  constructor(
    readonly sections: DwarfSections,
    readonly encoding: Encoding,
    readonly bases: IndexBases,
  ) {}

  /** A constant, offset, reference or index as a number; flags are 0 or 1. */
  number(reader: ByteReader, { form, constant }: AttributeSpecification): number {
    switch (form) {
      case dw.DW_FORM_flag_present:
        return 1;
      case dw.DW_FORM_implicit_const:
        return constant;
      case dw.DW_FORM_sdata:
        return reader.sleb();
      case dw.DW_FORM_udata:
      case dw.DW_FORM_ref_udata:
      case dw.DW_FORM_strx:
      case dw.DW_FORM_addrx:
      case dw.DW_FORM_rnglistx:
      case dw.DW_FORM_loclistx:
        return reader.uleb();
      case dw.DW_FORM_indirect:
        return this.number(reader, { attribute: 0, form: directForm(reader), constant });
    }
    switch (fixedSize(form, this.encoding)) {
      case 1:
        return reader.u8();
      case 2:
        return reader.u16();
      case 3:
        return reader.u24();
      case 4:
        return reader.u32();
      case 8:
        return reader.size64();
      default:
        return reader.fail(`a value of form 0x${form.toString(16)} is no number`);
    }
  }

  string(reader: ByteReader, specification: AttributeSpecification): string | undefined {
    switch (specification.form) {
      case dw.DW_FORM_string:
        return reader.cstring();
      case dw.DW_FORM_strp:
        return this.sections.reader('.debug_str', readOffset(reader, this.encoding)).cstring();
      case dw.DW_FORM_line_strp:
        return this.sections.reader('.debug_line_str', readOffset(reader, this.encoding)).cstring();
      case dw.DW_FORM_strx:
      case dw.DW_FORM_strx1:
      case dw.DW_FORM_strx2:
      case dw.DW_FORM_strx3:
      case dw.DW_FORM_strx4: {
        const index = this.number(reader, specification);
        const entry = this.bases.strings + index * (this.encoding.is64 ? 8 : 4);
        const offset = readOffset(this.sections.reader('.debug_str_offsets', entry), this.encoding);
        return this.sections.reader('.debug_str', offset).cstring();
      }
      default:
        // Strings of a supplementary file, which is not at hand.
        skipForm(reader, specification.form, this.encoding);
        return undefined;
    }
  }

  address(reader: ByteReader, specification: AttributeSpecification): bigint {
    if (specification.form === dw.DW_FORM_addr) return readTargetAddress(reader, this.encoding);
    return this.indexedAddress(this.number(reader, specification));
  }

  /** Entry `index` of the unit's part of .debug_addr. */
  indexedAddress(index: number): bigint {
    const entry = this.bases.addresses + index * this.encoding.addressSize;
    return readTargetAddress(this.sections.reader('.debug_addr', entry), this.encoding);
  }
}

export function isAddressForm(form: number): boolean {
  return (
    form === dw.DW_FORM_addr || form === dw.DW_FORM_addrx || (form >= dw.DW_FORM_addrx1 && form <= dw.DW_FORM_addrx4)
  );
}
