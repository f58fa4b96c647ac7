/** Reads .debug_abbrev (DWARF 5, section 7.5.3). */
import type { AttributeSpecification, Encoding } from './forms';
import { fixedSize } from './forms';
import { DW_FORM_implicit_const } from './format';
import type { DwarfSections } from './sections';

export interface Abbreviation {
  readonly tag: number;
  readonly hasChildren: boolean;
  readonly attributes: readonly AttributeSpecification[];
  /** Bytes of all attribute values together, or undefined if they vary. */
  readonly size: number | undefined;
}

/** The abbreviations at `offset`, by code. */
export function readAbbreviations(
  sections: DwarfSections,
  offset: number,
  encoding: Encoding,
): Map<number, Abbreviation> {
  const reader = sections.reader('.debug_abbrev', offset);
  const result = new Map<number, Abbreviation>();
  for (let code = reader.uleb(); code !== 0; code = reader.uleb()) {
    const tag = reader.uleb();
    const hasChildren = reader.u8() !== 0;
    const attributes: AttributeSpecification[] = [];
    let size: number | undefined = 0;
    for (;;) {
      const attribute = reader.uleb();
      const form = reader.uleb();
      const constant = form === DW_FORM_implicit_const ? reader.sleb() : 0;
      if (attribute === 0 && form === 0) break;
      attributes.push({ attribute, form, constant });
      const bytes = fixedSize(form, encoding);
      size = size === undefined || bytes === undefined ? undefined : size + bytes;
    }
    result.set(code, { tag, hasChildren, attributes, size });
  }
  return result;
}
