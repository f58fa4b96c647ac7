/** The contents of one DWARF section in the making, with the relocations a linker needs. */
import { ByteWriter } from '../elf/bytes';
import { SHF_MERGE, SHF_STRINGS, SHT_PROGBITS } from '../elf/format';
import type { Relocation, Section } from '../elf/object';
import { R_X86_64_32, R_X86_64_64 } from '../elf/relocations';

export class SectionBuilder extends ByteWriter {
  private readonly relocations: Relocation[] = [];

  constructor(
    readonly name: string,
    private readonly flags = 0,
  ) {
    super();
  }

  /** A 64-bit address: `offset` in the code section `section`. */
  address(section: string, offset: number): void {
    this.relocate(R_X86_64_64, section, offset);
    this.u64(0);
  }

  /** A 32-bit offset in another DWARF section. */
  sectionOffset(section: string, offset: number): void {
    this.relocate(R_X86_64_32, section, offset);
    this.u32(0);
  }

  section(): Section {
    const data = this.finish();
    return {
      name: this.name,
      type: SHT_PROGBITS,
      flags: this.flags,
      alignment: 1,
      entrySize: this.flags & SHF_STRINGS ? 1 : 0,
      data,
      size: data.length,
      relocations: this.relocations,
    };
  }

  private relocate(type: number, section: string, offset: number): void {
    this.relocations.push({ offset: this.length, type, symbol: section, againstSection: true, addend: BigInt(offset) });
  }
}

/** .debug_str or .debug_line_str: each string once. */
export class StringSection extends SectionBuilder {
  private readonly offsets = new Map<string, number>();

  constructor(name: string) {
    super(name, SHF_MERGE | SHF_STRINGS);
  }

  offsetOf(text: string): number {
    let offset = this.offsets.get(text);
    if (offset === undefined) {
      offset = this.length;
      this.cstring(text);
      this.offsets.set(text, offset);
    }
    return offset;
  }
}
