/** Directives that put data into a section. */
import type { Assembly } from '../assembly';
import { isConstant, numberExpression } from '../expressions';
import { leb128 } from '../relaxation';
import { StatementError, type Scanner } from '../scanner';
import type { Directive, Directives } from './directive';
import { parseString } from './strings';

function integers(size: number): Directive {
  return (assembly, scanner) => {
    if (scanner.atEnd()) return;
    do assembly.emitValue(assembly.parse(scanner), size);
    while (scanner.accept(','));
    scanner.expectEnd('the value');
  };
}

function strings(terminated: boolean): Directive {
  return (assembly, scanner) => {
    if (scanner.atEnd()) return;
    do {
      let bytes = parseString(scanner);
      while (scanner.peek() === '"') bytes = [...bytes, ...parseString(scanner)];
      assembly.emit(terminated ? [...bytes, 0] : bytes);
    } while (scanner.accept(','));
    scanner.expectEnd('the string');
  };
}

function floats(size: 4 | 8): Directive {
  return (assembly, scanner) => {
    do {
      scanner.skipSpace();
      const start = scanner.position;
      const match = /^(?:0[fFdDeEgG])?([-+]?(?:[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?|[0-9]+\.|inf(?:inity)?|nan))/i.exec(
        scanner.text.slice(start),
      );
      if (match === null) return scanner.fail(`expected a floating-point number${scanner.found()}`);
      scanner.position = start + match[0].length;
      const text = match[1].toLowerCase();
      const value = text.includes('inf')
        ? text.startsWith('-')
          ? -Infinity
          : Infinity
        : text.includes('nan')
          ? NaN
          : Number(text);
      const view = new DataView(new ArrayBuffer(size));
      if (size === 4) view.setFloat32(0, value, true);
      else view.setFloat64(0, value, true);
      assembly.emit(new Uint8Array(view.buffer));
    } while (scanner.accept(','));
    scanner.expectEnd('the number');
  };
}

function leb(signed: boolean): Directive {
  return (assembly, scanner) => {
    do {
      const value = assembly.parse(scanner);
      const known = assembly.evaluate(value);
      if (known !== undefined && isConstant(known)) assembly.emit(leb128(known.number, signed));
      else {
        assembly.endFragment(
          { kind: 'leb128', value, signed, line: assembly.line, start: value.start, end: value.end },
          undefined,
        );
      }
    } while (scanner.accept(','));
    scanner.expectEnd('the value');
  };
}

/** Bytes of `value` repeated by a fill. */
function pattern(value: bigint, size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, index) =>
    index < 8 ? Number((value >> BigInt(8 * index)) & 0xffn) : 0,
  );
}

function fillWith(assembly: Assembly, scanner: Scanner, count: ReturnType<Assembly['parse']>, bytes: Uint8Array): void {
  scanner.expectEnd('the fill value');
  const known = assembly.evaluate(count);
  const fixed = known !== undefined && isConstant(known) ? known.number : undefined;
  if (fixed !== undefined && fixed < 0n) {
    throw new StatementError(`the count is negative (${fixed.toString()})`, count.start, count.end);
  }
  if (fixed !== undefined && fixed * BigInt(bytes.length) > 0x7fffffffn) {
    throw new StatementError('that is more than 2 GiB of fill', count.start, count.end);
  }
  if (assembly.currentSection.isNobits && bytes.some((byte) => byte !== 0)) {
    throw new StatementError(`section ${assembly.currentSection.name} can only hold zeroes`, count.start, count.end);
  }
  const frozen = fixed === undefined ? count : numberExpression(fixed, count.start, count.end);
  assembly.endFragment(
    { kind: 'fill', count: frozen, pattern: bytes, line: assembly.line, start: count.start, end: count.end },
    fixed === undefined ? undefined : Number(fixed) * bytes.length,
  );
}

const skip: Directive = (assembly, scanner) => {
  const count = assembly.parse(scanner);
  const value = scanner.accept(',') ? assembly.absolute(scanner, 'the fill value') : 0n;
  fillWith(assembly, scanner, count, pattern(value, 1));
};

const fill: Directive = (assembly, scanner) => {
  const count = assembly.parse(scanner);
  const size = scanner.accept(',') ? assembly.absolute(scanner, 'the size') : 1n;
  const value = scanner.accept(',') ? assembly.absolute(scanner, 'the fill value') : 0n;
  if (size < 0n || size > 8n)
    throw new StatementError('the size of a fill is 0 to 8 bytes', count.start, scanner.position);
  // as takes at most four bytes from the value
  fillWith(
    assembly,
    scanner,
    count,
    size === 0n ? new Uint8Array(0) : pattern(BigInt.asUintN(32, value), Number(size)),
  );
};

function textBytes(text: string | undefined): Uint8Array | undefined {
  return text === undefined ? undefined : new TextEncoder().encode(text);
}

const incbin: Directive = (assembly, scanner) => {
  scanner.skipSpace();
  const start = scanner.position;
  const name = String.fromCharCode(...parseString(scanner));
  const end = scanner.position;
  const offset = scanner.accept(',') ? Number(assembly.absolute(scanner, 'the offset')) : 0;
  const count = scanner.accept(',') ? Number(assembly.absolute(scanner, 'the count')) : undefined;
  scanner.expectEnd('the count');
  const read = (path: string): Uint8Array | undefined =>
    assembly.readBinary === undefined ? textBytes(assembly.readFile?.(path)) : assembly.readBinary(path);
  const bytes = assembly.findFile(name, read, start, end).content;
  assembly.emit(bytes.subarray(offset, count === undefined ? undefined : offset + count));
};

export const dataDirectives: Directives = {
  '.byte': integers(1),
  '.2byte': integers(2),
  '.short': integers(2),
  '.hword': integers(2),
  '.value': integers(2),
  '.word': integers(2),
  '.4byte': integers(4),
  '.long': integers(4),
  '.int': integers(4),
  '.8byte': integers(8),
  '.quad': integers(8),
  '.octa': integers(16),
  '.ascii': strings(false),
  '.asciz': strings(true),
  '.string': strings(true),
  '.string8': strings(true),
  '.float': floats(4),
  '.single': floats(4),
  '.double': floats(8),
  '.uleb128': leb(false),
  '.sleb128': leb(true),
  '.zero': skip,
  '.skip': skip,
  '.space': skip,
  '.fill': fill,
  '.incbin': incbin,
};
