/** Every word the assembler knows, for an editor's completion. */
import { dataDirectives } from './directives/data';
import { layoutDirectives } from './directives/layout';
import { symbolDirectives } from './directives/symbols';
import { InstructionSet } from './instruction-set';
import { PREFIXES } from './mnemonics';
import { registerNames } from './registers';

export interface Vocabulary {
  /** Mnemonics of AT&T syntax and instruction prefixes, in lower case. */
  readonly mnemonics: readonly string[];
  /** With their dot. */
  readonly directives: readonly string[];
  /** Without %. */
  readonly registers: readonly string[];
}

const TABLES = [dataDirectives, layoutDirectives, symbolDirectives];
/** Directives that steer reading: they are no entries of the tables. */
const READING =
  '.macro .endm .exitm .purgem .rept .irp .irpc .endr .end .include ' +
  '.if .ifne .ifeq .ifgt .ifge .iflt .ifle .ifdef .ifndef .ifnotdef .ifb .ifnb .ifc .ifnc .ifeqs .ifnes .elseif .else .endif';

let known: Vocabulary | undefined;

/** The same for every source; made when first asked for. */
export function vocabulary(): Vocabulary {
  return (known ??= {
    mnemonics: sorted([...new InstructionSet().names(), ...Object.keys(PREFIXES)]),
    directives: sorted([...TABLES.flatMap((table) => Object.keys(table)), ...READING.split(' ')]),
    registers: sorted(registerNames()),
  });
}

function sorted(words: readonly string[]): string[] {
  return [...new Set(words)].sort();
}
