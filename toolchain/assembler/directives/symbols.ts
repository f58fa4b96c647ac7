/** Directives about symbols: binding, type, size, values; and those that only talk. */
import type { Assembly } from '../assembly';
import { numberExpression } from '../expressions';
import { StatementError, type Scanner } from '../scanner';
import type { AsmSymbol, SymbolType } from '../symbols';
import type { Directive, Directives } from './directive';
import { parseString } from './strings';

function takeSymbol(
  assembly: Assembly,
  scanner: Scanner,
  directive: string,
): { symbol: AsmSymbol; name: string; start: number; end: number } {
  scanner.skipSpace();
  const start = scanner.position;
  const name = scanner.name();
  if (name === undefined) return scanner.fail(`${directive} needs a symbol${scanner.found()}`);
  const end = scanner.position;
  return { symbol: assembly.symbol(name, scanner, start, end), name, start, end };
}

function eachSymbol(apply: (symbol: AsmSymbol) => void): Directive {
  return (assembly, scanner, name) => {
    do {
      if (scanner.atEnd()) break;
      const { symbol } = takeSymbol(assembly, scanner, name);
      symbol.isUsed = true;
      apply(symbol);
    } while (scanner.accept(','));
    scanner.expectEnd('the symbol');
  };
}

function assignment(once: boolean): Directive {
  return (assembly, scanner, name) => {
    scanner.skipSpace();
    const start = scanner.position;
    const symbol = scanner.name();
    if (symbol === undefined) return scanner.fail(`${name} needs a symbol`);
    const end = scanner.position;
    scanner.expect(',', `after the symbol of ${name}`);
    const expression = assembly.parse(scanner);
    scanner.expectEnd('the value');
    assembly.assign(symbol, expression, start, end, once);
  };
}

const TYPES: Readonly<Record<string, SymbolType>> = {
  function: 'function',
  STT_FUNC: 'function',
  object: 'object',
  STT_OBJECT: 'object',
  common: 'object',
  STT_COMMON: 'object',
  notype: 'notype',
  STT_NOTYPE: 'notype',
  tls_object: 'tls',
  STT_TLS: 'tls',
  gnu_indirect_function: 'ifunc',
  STT_GNU_IFUNC: 'ifunc',
  gnu_unique_object: 'object',
};

const type: Directive = (assembly, scanner, name) => {
  const { symbol } = takeSymbol(assembly, scanner, name);
  scanner.accept(',');
  if (!scanner.accept('@') && !scanner.accept('%') && !scanner.accept('#')) scanner.accept('"');
  const start = scanner.position;
  const word = /^\w+/.exec(scanner.text.slice(start))?.[0] ?? '';
  scanner.position += word.length;
  scanner.accept('"');
  const known = TYPES[word];
  if (known === undefined) {
    throw new StatementError(
      `unknown symbol type '${word}'; there are @function, @object, @notype, @tls_object`,
      start,
      Math.max(start + 1, scanner.position),
    );
  }
  scanner.expectEnd('the type');
  symbol.isUsed = true;
  symbol.type = known;
};

const size: Directive = (assembly, scanner, name) => {
  const { symbol } = takeSymbol(assembly, scanner, name);
  scanner.expect(',', 'after the symbol of .size');
  symbol.size = assembly.parse(scanner);
  symbol.isUsed = true;
  scanner.expectEnd('the size');
};

function common(local: boolean): Directive {
  return (assembly, scanner, directive) => {
    const { symbol, name, start, end } = takeSymbol(assembly, scanner, directive);
    scanner.expect(',', `after the symbol of ${directive}`);
    const bytes = assembly.absolute(scanner, 'the size');
    const alignment = scanner.accept(',') ? assembly.absolute(scanner, 'the alignment') : undefined;
    scanner.expectEnd('the alignment');
    if (bytes < 0n) throw new StatementError('the size is negative', start, end);
    if (local || symbol.isLocal) {
      assembly.pushSection();
      assembly.enter(assembly.section('.bss'));
      assembly.align(Number(alignment ?? (bytes >= 8n ? 8n : largestPower(bytes))), undefined, 0);
      assembly.defineLabel(name, start, end);
      symbol.size = { kind: 'number', value: bytes, start, end };
      symbol.type = 'object';
      const count = { kind: 'number', value: bytes, start, end } as const;
      assembly.endFragment(
        { kind: 'fill', count, pattern: new Uint8Array(1), line: assembly.line, start, end },
        Number(bytes),
      );
      assembly.popSection();
      return;
    }
    if (symbol.definition !== undefined) throw new StatementError(`'${name}' is defined already`, start, end);
    symbol.definition = {
      kind: 'common',
      size: bytes,
      alignment: alignment ?? (bytes >= 16n ? 16n : largestPower(bytes)),
    };
    symbol.definedAt = assembly.locate(start);
    symbol.isGlobal = true;
    symbol.isUsed = true;
    if (symbol.type === 'notype') symbol.type = 'object';
  };
}

function largestPower(value: bigint): bigint {
  let power = 1n;
  while (power * 2n <= value) power *= 2n;
  return power;
}

function visibility(value: AsmSymbol['visibility']): Directive {
  return eachSymbol((symbol) => {
    symbol.visibility = value;
  });
}

/** Text of a message directive, with its quotes taken off. */
function message(scanner: Scanner, otherwise: string): string {
  if (scanner.atEnd()) return otherwise;
  if (scanner.peek() !== '"') return scanner.rest();
  const bytes = parseString(scanner);
  return new TextDecoder().decode(Uint8Array.from(bytes));
}

function complaint(severity: 'error' | 'warning', otherwise: string): Directive {
  return (assembly, scanner, name) => {
    const start = Math.max(0, scanner.text.indexOf(name));
    const end = scanner.text.trimEnd().length;
    assembly.report(severity, message(scanner, otherwise), assembly.line, start, end);
  };
}

const ignored: Directive = (_, scanner) => {
  scanner.rest();
};

/** Of `.loc` only the symbol matters that `view` defines: gcc's location lists name it. */
const loc: Directive = (assembly, scanner) => {
  const view = /\bview\s+(\.?[A-Za-z_][\w.$]*)/.exec(scanner.text.slice(scanner.position));
  if (view !== null) assembly.assign(view[1], numberExpression(0n), scanner.position, scanner.end, false);
  scanner.rest();
};

const IGNORED =
  '.file .loc_mark_labels .ident .att_mnemonic .version .lsym .stabs .stabn .addrsig .addrsig_sym .line .ln .title .sbttl .list .nolist .eject .psize .arch .symver .gnu_attribute .linkonce';

const CFI =
  'sections startproc endproc personality personality_id lsda def_cfa def_cfa_register def_cfa_offset adjust_cfa_offset offset val_offset rel_offset register restore undefined same_value remember_state restore_state return_column signal_frame window_save escape val_encoded_addr inline_lsda fde_data';

export const symbolDirectives: Directives = {
  '.globl': eachSymbol((symbol) => {
    symbol.isGlobal = true;
  }),
  '.global': eachSymbol((symbol) => {
    symbol.isGlobal = true;
  }),
  '.weak': eachSymbol((symbol) => {
    symbol.isWeak = true;
  }),
  '.local': eachSymbol((symbol) => {
    symbol.isLocal = true;
  }),
  '.extern': ignored,
  '.hidden': visibility('hidden'),
  '.internal': visibility('internal'),
  '.protected': visibility('protected'),
  '.type': type,
  '.size': size,
  '.set': assignment(false),
  '.equ': assignment(false),
  '.equiv': assignment(true),
  '.eqv': assignment(true),
  '.comm': common(false),
  '.common': common(false),
  '.lcomm': common(true),
  '.err': complaint('error', '.err'),
  '.error': complaint('error', '.error'),
  '.warning': complaint('warning', '.warning'),
  '.print': (assembly, scanner) => {
    const start = Math.max(0, scanner.text.search(/\S/));
    const end = scanner.text.trimEnd().length;
    assembly.report('note', message(scanner, ''), assembly.line, start, end);
  },
  '.loc': loc,
  '.intel_syntax': (_, scanner) =>
    scanner.fail(
      'Intel syntax is not supported: write AT&T syntax (op source, destination; %register; $immediate)',
      0,
      scanner.end,
    ),
  '.att_syntax': (_, scanner) => {
    if (/\bnoprefix\b/.test(scanner.rest())) scanner.fail('register names need their % here', 0, scanner.end);
  },
  ...Object.fromEntries(IGNORED.split(' ').map((name) => [name, ignored])),
  ...Object.fromEntries(CFI.split(' ').map((name) => [`.cfi_${name}`, ignored])),
};
