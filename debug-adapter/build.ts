/** Sources to images: assembles and links a program or a kernel, reads what is linked already. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import {
  buildImage as buildFromSources,
  DebugInfo,
  ElfError,
  expansionBacktrace,
  isElf,
  KERNEL_LAYOUT,
  readElf,
  USER_LAYOUT,
  type BuiltImage,
  type Diagnostic,
  type ElfFile,
  type ObjectModule,
} from '../toolchain';
import { mergeExpansions } from './diagnostics';
import { AdapterError } from './errors';
import type { Image } from './image';
import { makeListing } from './listing';

export type ImageFormat = 'asm' | 'elf' | 'flat' | 'multiboot';

export interface BuildOptions {
  readonly includePaths?: readonly string[];
  readonly defines?: Readonly<Record<string, string | true>>;
}

/** The sources have errors; the message lists them as a compiler would. */
export class BuildError extends AdapterError {
  constructor(
    message: string,
    /** The file or folder that was to become an image. */
    readonly path: string,
    readonly diagnostics: readonly Diagnostic[],
  ) {
    super(message);
  }
}

export interface Built {
  readonly image: Image;
  readonly warnings: readonly string[];
}

const SOURCE = /\.(s|asm)$/i;
/** More errors than this are counted, not shown. */
const SHOWN_ERRORS = 10;
const ET_REL = 1;
const PT_INTERP = 3;

/** The format a file's name and content say. */
export function formatOf(path: string): ImageFormat {
  const file = checkedPath(path);
  if (statSync(file).isDirectory() || SOURCE.test(file)) return 'asm';
  const bytes = readBytes(file);
  if (isElf(bytes)) return 'elf';
  if (/\.elf$/i.test(file))
    throw new AdapterError(`${file} is not an ELF file, though its name says so. Build it again.`);
  if (isText(bytes)) {
    throw new AdapterError(
      `${file} is a text, not an image: give an assembly source (.S, .s or .asm), or what a compiler and linker make of it.`,
    );
  }
  return 'flat';
}

/** Whether a file without a telling name is text: no image of machine code is valid UTF-8 without control characters. */
function isText(bytes: Uint8Array): boolean {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return /\n/.test(text) && /^[^\p{Cc}]*$/u.test(text.replace(/[\t\n\r\f]/g, ''));
  } catch {
    return false;
  }
}

/** Text of a source file, or undefined; for the preprocessor and for listings. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Builds or reads the image at `path`. Throws AdapterError (BuildError for mistakes in a source). */
export function buildImage(path: string, role: Image['role'], format: ImageFormat, options: BuildOptions = {}): Built {
  const file = checkedPath(path);
  if (format === 'asm') return assembleImage(file, role, options);
  const bytes = readBytes(file);
  if (bytes.length === 0) throw new AdapterError(`${file} is empty: there is nothing to run.`);
  const image =
    format === 'flat' || !isElf(bytes) ? imageOf(file, role, bytes, undefined) : readImage(file, role, bytes);
  if (format === 'elf' && !image.elf)
    throw new AdapterError(`${file} is not an ELF file. Build it, or name its format.`);
  return { image, warnings: [] };
}

function assembleImage(path: string, role: Image['role'], options: BuildOptions): Built {
  const sources = (statSync(path).isDirectory() ? sourcesIn(path) : [path]).map((source) => {
    const text = readText(source);
    if (text === undefined) throw new AdapterError(`${source} cannot be read. Check the path and its permissions.`);
    return { path: source, text };
  });
  const files = { readFile: readText, readBinary: readBinary };
  const build = (layout: typeof USER_LAYOUT): BuiltImage => buildFromSources(sources, { ...options, ...files }, layout);
  let built = build(role === 'kernel' ? KERNEL_LAYOUT : USER_LAYOUT);
  // A program that brings boot code of its own is laid out as a kernel.
  if (role === 'program' && isBootable(built.modules)) built = build(KERNEL_LAYOUT);
  throwErrors(path, built.diagnostics);
  if (!built.elf) throw new AdapterError(`${path} could not be linked.`);
  return {
    image: readImage(path, role, built.elf),
    warnings: mergeExpansions(built.diagnostics).map(describeDiagnostic),
  };
}

function isBootable(modules: readonly ObjectModule[]): boolean {
  return modules.some(({ sections }) => sections.some(({ name }) => name.startsWith('.boot')));
}

/** A file's bytes, or undefined; for .incbin. */
function readBinary(path: string): Uint8Array | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

function sourcesIn(folder: string): string[] {
  const sources = readdirSync(folder)
    .filter((name) => SOURCE.test(name))
    .sort()
    .map((name) => join(folder, name));
  if (sources.length === 0) throw new AdapterError(`The folder ${folder} holds no assembly source (.S, .s or .asm).`);
  return sources;
}

function readImage(path: string, role: Image['role'], bytes: Uint8Array): Image {
  try {
    const elf = readElf(bytes);
    if (elf.type === ET_REL) throw new AdapterError(`${path} is an object file: link it into an executable first.`);
    if (elf.segments.some(({ type }) => type === PT_INTERP)) {
      throw new AdapterError(
        `${path} is dynamically linked, and there is no dynamic loader here. Link it statically, as gcc -nostdlib -static does.`,
      );
    }
    return imageOf(path, role, bytes, elf);
  } catch (error) {
    if (error instanceof ElfError) throw new AdapterError(`${path}: ${error.message}`);
    throw error;
  }
}

function imageOf(path: string, role: Image['role'], bytes: Uint8Array, elf: ElfFile | undefined): Image {
  const hasLines = elf?.sections.some(({ name }) => name === '.debug_line') ?? false;
  const debugInfo = elf && hasLines ? new DebugInfo(elf) : undefined;
  let listing: { readonly made: ReturnType<typeof makeListing> } | undefined;
  return {
    role,
    path,
    bytes,
    elf,
    debugInfo,
    get listing() {
      listing ??= { made: makeListing(this, readText) };
      return listing.made;
    },
  };
}

function throwErrors(path: string, diagnostics: readonly Diagnostic[]): void {
  const errors = mergeExpansions(diagnostics.filter(({ severity }) => severity === 'error'));
  if (errors.length === 0) return;
  const shown = errors.slice(0, SHOWN_ERRORS).map((error) => describeDiagnostic(error));
  const more = errors.length > SHOWN_ERRORS ? [`… and ${errors.length - SHOWN_ERRORS} more`] : [];
  throw new BuildError([`${path} could not be assembled:`, ...shown, ...more].join('\n'), path, errors);
}

/** `file:line:column: error: what`, and the macro calls it arose in, innermost first. */
function describeDiagnostic({ severity, message, location, expansion }: Diagnostic): string {
  const at = ({ file, line, column }: Diagnostic['location']): string => {
    const near = relative('.', file);
    return `${near.startsWith('..') ? file : near}:${line}${column > 0 ? `:${column}` : ''}`;
  };
  const calls = expansionBacktrace(expansion).map(({ expansion: { macro, call }, omitted }) => {
    const more = omitted > 0 ? `\n  … and ${omitted} more` : '';
    return `\n  in macro ${macro}, called at ${at(call)}${more}`;
  });
  return `${at(location)}: ${severity}: ${message}${calls.join('')}`;
}

function checkedPath(path: string): string {
  const file = resolve(path);
  try {
    statSync(file);
  } catch {
    throw new AdapterError(`There is no file ${file}. Check the path.`);
  }
  return file;
}

function readBytes(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new AdapterError(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}
