/** GNU as and gcc as oracles: what they make of a source, read back from the ELF object. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface OracleSection {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly alignment: number;
  readonly entrySize: number;
  readonly size: number;
  readonly data: Uint8Array;
  /** `offset type symbol+addend`, a section symbol in brackets. */
  readonly relocations: readonly string[];
}

export interface OracleObject {
  readonly sections: ReadonlyMap<string, OracleSection>;
  /** `name section value size type binding visibility`, sorted by name. */
  readonly symbols: readonly string[];
}

export interface OracleRun {
  readonly object: OracleObject | undefined;
  readonly messages: string;
}

export function hasProgram(name: string): boolean {
  return spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0;
}

/** Assembles with GNU as, through gcc's preprocessor for a `.S` name. */
export function gnuAssemble(text: string, name = 'input.s', files: Readonly<Record<string, string>> = {}): OracleRun {
  const directory = mkdtempSync(join(tmpdir(), 'ringside-as-'));
  try {
    writeFileSync(join(directory, name), text);
    for (const [file, content] of Object.entries(files)) writeFileSync(join(directory, file), content);
    const command = name.endsWith('.S') ? ['gcc', '-c', name, '-o', 'out.o'] : ['as', name, '-o', 'out.o'];
    const run = spawnSync(command[0], command.slice(1), { cwd: directory, encoding: 'utf8' });
    const object = run.status === 0 ? readObject(readFileSync(join(directory, 'out.o'))) : undefined;
    return { object, messages: run.stderr };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Compiles C to assembler text. */
export function gccToAssembler(text: string, options: readonly string[]): string {
  const run = spawnSync('gcc', ['-S', '-x', 'c', '-', '-o', '-', ...options], { input: text, encoding: 'utf8' });
  if (run.status !== 0) throw new Error(run.stderr);
  return run.stdout;
}

const SYMBOL_TYPES = ['notype', 'object', 'function', 'section', 'file', 'common', 'tls'];
const BINDINGS = ['local', 'global', 'weak'];
const VISIBILITIES = ['default', 'internal', 'hidden', 'protected'];

/** Reads a relocatable ELF64 file. */
export function readObject(bytes: Uint8Array): OracleObject {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const number = (offset: number): number => Number(view.getBigUint64(offset, true));
  const string = (offset: number): string => {
    let end = offset;
    while (bytes[end] !== 0) end++;
    return new TextDecoder().decode(bytes.subarray(offset, end));
  };
  const headerOffset = number(0x28);
  const count = view.getUint16(0x3c, true);
  const headers = Array.from({ length: count }, (_, index) => {
    const at = headerOffset + 64 * index;
    return {
      nameOffset: view.getUint32(at, true),
      type: view.getUint32(at + 4, true),
      flags: number(at + 8),
      offset: number(at + 24),
      size: number(at + 32),
      link: view.getUint32(at + 40, true),
      info: view.getUint32(at + 44, true),
      alignment: number(at + 48),
      entrySize: number(at + 56),
    };
  });
  type Header = (typeof headers)[number];
  const names = headers[view.getUint16(0x3e, true)];
  const nameOf = (header: Header): string => string(names.offset + header.nameOffset);
  const table = headers.find((header) => header.type === 2);
  const symbols = table === undefined ? [] : readSymbols(table);

  function readSymbols(header: Header): { name: string; type: string; line: string }[] {
    const strings = headers[header.link];
    return Array.from({ length: header.size / 24 }, (_, index) => {
      const at = header.offset + 24 * index;
      const info = view.getUint8(at + 4);
      const section = view.getUint16(at + 6, true);
      const sectionName =
        section === 0
          ? 'undefined'
          : section === 0xfff1
            ? '*ABS*'
            : section === 0xfff2
              ? '*COM*'
              : nameOf(headers[section]);
      const type = SYMBOL_TYPES[info & 15] ?? String(info & 15);
      const name = type === 'section' ? sectionName : string(strings.offset + view.getUint32(at, true));
      const value = view.getBigUint64(at + 8, true).toString(16);
      const size = number(at + 16);
      const rest = `${BINDINGS[info >> 4] ?? ''} ${VISIBILITIES[view.getUint8(at + 5) & 3] ?? ''}`;
      return { name, type, line: `${name} ${sectionName} ${value} ${size} ${type} ${rest}` };
    });
  }

  const sections = new Map<string, OracleSection>();
  headers.forEach((header, index) => {
    if (![1, 7, 8, 14, 15, 16, 0x70000001].includes(header.type)) return;
    const relocations = headers
      .filter((candidate) => candidate.type === 4 && candidate.info === index)
      .flatMap((candidate) =>
        Array.from({ length: candidate.size / 24 }, (_, n) => {
          const at = candidate.offset + 24 * n;
          const symbol = symbols[view.getUint32(at + 12, true)];
          const name = symbol?.type === 'section' ? `[${symbol.name}]` : (symbol?.name ?? '');
          return `${number(at).toString(16)} ${view.getUint32(at + 8, true)} ${name}+${view.getBigInt64(at + 16, true)}`;
        }),
      );
    sections.set(nameOf(header), {
      name: nameOf(header),
      type: header.type,
      flags: header.flags & ~0x40,
      alignment: header.alignment,
      entrySize: header.entrySize,
      size: header.size,
      data: header.type === 8 ? new Uint8Array(0) : bytes.slice(header.offset, header.offset + header.size),
      relocations,
    });
  });
  const listed = symbols.filter(({ name, type }) => name !== '' && type !== 'section' && type !== 'file');
  return { sections, symbols: listed.map(({ line }) => line).sort() };
}

/** What GNU as makes of each line after `preamble`, in hex; lines it refuses are missing. */
export function gnuListing(lines: readonly string[], bits: 32 | 64, preamble = ''): Map<number, string> {
  const directory = mkdtempSync(join(tmpdir(), 'ringside-as-'));
  try {
    const before = preamble.split('\n').length - 1;
    let accepted = lines.map((text, index) => ({ text, index }));
    for (;;) {
      // A label before each line keeps lines apart in the symbol table.
      const text = accepted.map(({ text: line, index }) => `L${index}:\n${line}\n`).join('');
      writeFileSync(join(directory, 'input.s'), `.code${bits}\n${preamble}${text}Lend:\n`);
      const run = spawnSync('as', ['input.s', '-o', 'out.o'], { cwd: directory, encoding: 'utf8', maxBuffer: 1 << 28 });
      const refused = new Set(
        [...run.stderr.matchAll(/^input\.s:(\d+):(?: Error| {2}Info: macro invoked)/gm)].map(([, line]) =>
          Math.floor((Number(line) - 2 - before) / 2),
        ),
      );
      if (run.status === 0) break;
      if (![...refused].some((position) => position >= 0)) throw new Error(run.stderr);
      accepted = accepted.filter((_, position) => !refused.has(position));
    }
    const object = readObject(readFileSync(join(directory, 'out.o')));
    const data = object.sections.get('.text')?.data ?? new Uint8Array(0);
    const offsets = new Map(
      object.symbols.map((line): [string, number] => [line.split(' ')[0], parseInt(line.split(' ')[2], 16)]),
    );
    return new Map(
      accepted.map(({ index }, position) => {
        const next = accepted[position + 1]?.index ?? 'end';
        return [index, Buffer.from(data.subarray(offsets.get(`L${index}`), offsets.get(`L${next}`))).toString('hex')];
      }),
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
}
