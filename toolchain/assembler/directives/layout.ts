/** Directives that move the current place: alignment, .org, sections, code size. */
import type { Assembly } from '../assembly';
import { isConstant } from '../expressions';
import { StatementError, type Scanner } from '../scanner';
import {
  defaultAttributes,
  SHF_ALLOC,
  SHF_EXCLUDE,
  SHF_EXECINSTR,
  SHF_GROUP,
  SHF_MERGE,
  SHF_STRINGS,
  SHF_TLS,
  SHF_WRITE,
  SHT_FINI_ARRAY,
  SHT_INIT_ARRAY,
  SHT_NOBITS,
  SHT_NOTE,
  SHT_PREINIT_ARRAY,
  SHT_PROGBITS,
} from '../sections';
import type { Directive, Directives } from './directive';
import { parseString } from './strings';

/** `.align`, `.balign` (in bytes) and `.p2align` (in powers of two); `width` is the size of the fill value. */
function aligning(powers: boolean, width: number): Directive {
  return (assembly, scanner, name) => {
    const start = scanner.position;
    const given = scanner.atEnd() || scanner.peek() === ',' ? 0n : assembly.absolute(scanner, 'the alignment');
    const end = scanner.position;
    let fill: Uint8Array | undefined;
    let limit = 0n;
    if (scanner.accept(',')) {
      if (!scanner.atEnd() && scanner.peek() !== ',') {
        const value = assembly.absolute(scanner, 'the fill value');
        fill = Uint8Array.from({ length: width }, (_, index) => Number((value >> BigInt(8 * index)) & 0xffn));
      }
      if (scanner.accept(',')) limit = assembly.absolute(scanner, 'the largest padding');
    }
    scanner.expectEnd('the alignment');
    if (powers && (given < 0n || given > 31n))
      throw new StatementError(`${name} takes a power of two from 0 to 31`, start, end);
    const alignment = powers ? 1 << Number(given) : Number(given);
    if (alignment < 0 || (alignment & (alignment - 1)) !== 0) {
      throw new StatementError(`the alignment ${alignment} is not a power of two`, start, end);
    }
    if (limit >= 0n) assembly.align(alignment, fill, Number(limit));
  };
}

const org: Directive = (assembly, scanner) => {
  const target = assembly.parse(scanner);
  const fill = scanner.accept(',') ? Number(assembly.absolute(scanner, 'the fill value')) : 0;
  scanner.expectEnd('the fill value');
  assembly.endFragment(
    { kind: 'org', target, fill, line: assembly.line, start: target.start, end: target.end },
    undefined,
  );
};

function wellKnown(name: string): Directive {
  return (assembly, scanner) => {
    const subsection = scanner.atEnd() ? 0 : Number(assembly.absolute(scanner, 'the subsection'));
    scanner.expectEnd('the subsection');
    assembly.enter(assembly.section(name), subsection);
  };
}

const FLAG_LETTERS: Readonly<Record<string, number>> = {
  a: SHF_ALLOC,
  w: SHF_WRITE,
  x: SHF_EXECINSTR,
  M: SHF_MERGE,
  S: SHF_STRINGS,
  G: SHF_GROUP,
  T: SHF_TLS,
  e: SHF_EXCLUDE,
};

const TYPES: Readonly<Record<string, number>> = {
  progbits: SHT_PROGBITS,
  nobits: SHT_NOBITS,
  note: SHT_NOTE,
  init_array: SHT_INIT_ARRAY,
  fini_array: SHT_FINI_ARRAY,
  preinit_array: SHT_PREINIT_ARRAY,
};

function sectionName(scanner: Scanner, directive: string): string {
  scanner.skipSpace();
  if (scanner.text[scanner.position] === '"') return String.fromCharCode(...parseString(scanner));
  const match = /^[^\s,"]+/.exec(scanner.text.slice(scanner.position));
  if (match === null) return scanner.fail(`${directive} needs a section name`);
  scanner.position += match[0].length;
  return match[0];
}

function parseFlags(scanner: Scanner): number {
  scanner.skipSpace();
  const start = scanner.position;
  let flags = 0;
  for (const code of parseString(scanner)) {
    const letter = String.fromCharCode(code);
    const flag = FLAG_LETTERS[letter];
    if (flag === undefined && letter !== '?' && letter !== 'o' && letter !== 'R') {
      throw new StatementError(
        `unknown section flag '${letter}'; there are a (allocated), w (writable), x (code), M (mergeable), S (strings), T (thread-local)`,
        start,
        scanner.position,
      );
    }
    flags = (flags | (flag ?? 0)) >>> 0;
  }
  return flags;
}

function parseType(scanner: Scanner): number {
  if (!scanner.accept('@') && !scanner.accept('%'))
    return scanner.fail(`a section's type begins with @, such as @progbits${scanner.found()}`);
  const start = scanner.position;
  const word = /^\w+/.exec(scanner.text.slice(start))?.[0] ?? '';
  scanner.position += word.length;
  const type = /^(?:0x[0-9a-f]+|[0-9]+)$/i.test(word) ? Number(word) : TYPES[word];
  if (type === undefined)
    throw new StatementError(
      `unknown section type '@${word}'; there are @progbits, @nobits, @note`,
      start,
      scanner.position,
    );
  return type;
}

/** `.section name[, "flags"[, @type[, entsize]]]` */
function enterNamed(assembly: Assembly, scanner: Scanner, directive: string, subsectionFirst: boolean): void {
  const start = scanner.position;
  const name = sectionName(scanner, directive);
  const known = assembly.sections.get(name);
  const section = assembly.section(name);
  let { type, flags, entrySize } = known?.attributes ?? defaultAttributes(name);
  let subsection = 0;
  let explicit = false;
  if (scanner.accept(',')) {
    if (subsectionFirst && scanner.peek() !== '"' && scanner.peek() !== '@') {
      subsection = Number(assembly.absolute(scanner, 'the subsection'));
      scanner.accept(',');
    }
    if (scanner.peek() === '"') {
      explicit = true;
      const given = parseFlags(scanner);
      const wanted = defaultAttributes(name);
      flags = known?.explicit === true ? given : (wanted.flags | given) >>> 0;
      type = known === undefined ? wanted.type : type;
    }
    if ((explicit && scanner.accept(',')) || scanner.peek() === '@') {
      type = parseType(scanner);
      if ((flags & SHF_MERGE) !== 0 && scanner.accept(','))
        entrySize = Number(assembly.absolute(scanner, 'the entry size'));
      if (scanner.accept(',')) scanner.rest(); // group name, linkage: nothing of ours depends on them
    }
  }
  scanner.expectEnd('the section');
  if (explicit && known?.explicit === true && (known.attributes.flags !== flags || known.attributes.type !== type)) {
    assembly.warn(`section ${name} was given other attributes before; those are kept`, start, start + name.length);
  } else if (explicit || known === undefined) {
    assembly.setAttributes(section, { type, flags, entrySize });
    section.explicit = explicit;
  }
  assembly.enter(section, subsection);
}

const popSection: Directive = (assembly, scanner) => {
  scanner.expectEnd('.popsection');
  if (!assembly.popSection()) scanner.fail('.popsection without .pushsection', 0, scanner.end);
};

const previous: Directive = (assembly, scanner) => {
  scanner.expectEnd('.previous');
  if (!assembly.swapSection()) scanner.fail('.previous without a section before', 0, scanner.end);
};

const subsection: Directive = (assembly, scanner) => {
  const number = scanner.atEnd() ? 0n : assembly.absolute(scanner, 'the subsection');
  scanner.expectEnd('the subsection');
  assembly.enter(assembly.currentSection, Number(number));
};

function codeSize(bits: 32 | 64): Directive {
  return (assembly) => {
    assembly.bits = bits;
  };
}

const bundle: Directive = (assembly, scanner) => {
  const value = assembly.evaluate(assembly.parse(scanner));
  if (value !== undefined && isConstant(value) && value.number !== 0n)
    scanner.fail('instruction bundles are not supported', 0, scanner.end);
};

export const layoutDirectives: Directives = {
  '.align': aligning(false, 1),
  '.balign': aligning(false, 1),
  '.balignw': aligning(false, 2),
  '.balignl': aligning(false, 4),
  '.p2align': aligning(true, 1),
  '.p2alignw': aligning(true, 2),
  '.p2alignl': aligning(true, 4),
  '.org': org,
  '.text': wellKnown('.text'),
  '.data': wellKnown('.data'),
  '.bss': wellKnown('.bss'),
  '.section': (assembly, scanner, name) => enterNamed(assembly, scanner, name, false),
  '.pushsection': (assembly, scanner, name) => {
    assembly.pushSection();
    enterNamed(assembly, scanner, name, true);
  },
  '.popsection': popSection,
  '.previous': previous,
  '.subsection': subsection,
  '.code32': codeSize(32),
  '.code64': codeSize(64),
  '.code16': (_, scanner) => scanner.fail('16-bit code is not supported: start in .code32 or .code64', 0, scanner.end),
  '.code16gcc': (_, scanner) =>
    scanner.fail('16-bit code is not supported: start in .code32 or .code64', 0, scanner.end),
  '.bundle_align_mode': bundle,
};
