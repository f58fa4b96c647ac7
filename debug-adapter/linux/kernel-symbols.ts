/** What a Linux kernel's symbols are taken from. */
import type { ElfFile, Symbol } from '../../toolchain';

/** Section of what every processor has its own copy of: it is linked at 0 (arch/x86/kernel/vmlinux.lds.S). */
const PER_CPU = '.data..percpu';
/** Section of symbols whose value is no address. */
const ABSOLUTE = '*ABS*';

/** The kernel with symbols a debugger can use: read when first asked for. */
export function kernelSymbols(vmlinux: ElfFile): ElfFile {
  const { bits, type, machine, entry, segments, sections, bytes } = vmlinux;
  let symbols: readonly Symbol[] | undefined;
  return {
    ...{ bits, type, machine, entry, segments, sections, bytes },
    get symbols() {
      return (symbols ??= vmlinux.symbols.map(withoutOffset));
    },
  };
}

/** Symbols of per-CPU data are offsets in it: no small number shall be named after them. */
function withoutOffset(symbol: Symbol): Symbol {
  return symbol.section === PER_CPU ? { ...symbol, section: ABSOLUTE } : symbol;
}
