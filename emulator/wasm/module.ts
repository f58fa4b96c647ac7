/** Writes WebAssembly modules (core specification, 5.5): types, imports, functions and exports; no data. */
import { ByteWriter } from './bytes';
import type { FunctionBody } from './function';
import type { FunctionType, ValueType } from './types';

const enum SectionId {
  CUSTOM = 0,
  TYPE = 1,
  IMPORT = 2,
  FUNCTION = 3,
  EXPORT = 7,
  CODE = 10,
}

/** Imported functions come first in the function index space, in the order of `importFunction`. */
export class ModuleWriter {
  private readonly types: FunctionType[] = [];
  private readonly customSections: { name: string; text: string }[] = [];
  private readonly imports: { name: string; type: number }[] = [];
  private readonly functions: { type: number; exported: string | undefined; body: FunctionBody | undefined }[] = [];

  /**
   * `memoryPages`: the initial size, in 64 KiB pages, of the imported memory `env.memory`. With `table`, the table of
   * functions `env.table` is imported too.
   */
  constructor(
    private readonly memoryPages: number,
    private readonly options: { readonly table?: boolean } = {},
  ) {}

  /** Index of a function type, for indirect calls. */
  signature(type: FunctionType): number {
    return this.typeIndex(type);
  }

  private typeIndex(type: FunctionType): number {
    const same = (a: readonly ValueType[], b: readonly ValueType[]): boolean =>
      a.length === b.length && a.every((value, i) => value === b[i]);
    const found = this.types.findIndex(
      (known) => same(known.parameters, type.parameters) && same(known.results, type.results),
    );
    if (found >= 0) return found;
    this.types.push(type);
    return this.types.length - 1;
  }

  /** Imports `env.name`; all imports must be declared before the first function. Returns its function index. */
  importFunction(name: string, type: FunctionType): number {
    this.imports.push({ name, type: this.typeIndex(type) });
    return this.imports.length - 1;
  }

  /** Declares a function whose body follows with `define`. Returns its function index. */
  declare(type: FunctionType, exported?: string): number {
    this.functions.push({ type: this.typeIndex(type), exported, body: undefined });
    return this.imports.length + this.functions.length - 1;
  }

  define(index: number, body: FunctionBody): void {
    this.functions[index - this.imports.length].body = body;
  }

  /** Adds a custom section, which `WebAssembly.Module.customSections` finds again. */
  addCustomSection(name: string, text: string): void {
    this.customSections.push({ name, text });
  }

  /** The module in binary form. */
  encode(): Uint8Array {
    const out = new ByteWriter(1 << 16);
    out.bytes([0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);

    const section = (id: SectionId, write: (content: ByteWriter) => void): void => {
      const content = new ByteWriter();
      write(content);
      out.byte(id);
      out.unsigned(content.length);
      out.bytes(content.view());
    };

    section(SectionId.TYPE, (content) => {
      content.unsigned(this.types.length);
      for (const { parameters, results } of this.types) {
        content.byte(0x60);
        content.unsigned(parameters.length);
        content.bytes(parameters);
        content.unsigned(results.length);
        content.bytes(results);
      }
    });
    section(SectionId.IMPORT, (content) => {
      content.unsigned(this.imports.length + (this.options.table ? 2 : 1));
      for (const { name, type } of this.imports) {
        content.name('env');
        content.name(name);
        content.byte(0);
        content.unsigned(type);
      }
      if (this.options.table) {
        content.name('env');
        content.name('table');
        content.byte(1);
        content.byte(0x70); // funcref
        content.byte(0);
        content.unsigned(0);
      }
      content.name('env');
      content.name('memory');
      content.byte(2);
      content.byte(0);
      content.unsigned(this.memoryPages);
    });
    section(SectionId.FUNCTION, (content) => {
      content.unsigned(this.functions.length);
      for (const { type } of this.functions) content.unsigned(type);
    });
    section(SectionId.EXPORT, (content) => {
      const exported = this.functions.flatMap(({ exported: name }, i) =>
        name === undefined ? [] : [{ name, index: this.imports.length + i }],
      );
      content.unsigned(exported.length);
      for (const { name, index } of exported) {
        content.name(name);
        content.byte(0);
        content.unsigned(index);
      }
    });
    section(SectionId.CODE, (content) => {
      content.unsigned(this.functions.length);
      for (const { body } of this.functions) {
        if (!body) throw new Error('a declared function has no body');
        const code = body.encode();
        content.unsigned(code.length);
        content.bytes(code);
      }
    });
    for (const { name, text } of this.customSections) {
      section(SectionId.CUSTOM, (content) => {
        content.name(name);
        content.bytes(new TextEncoder().encode(text));
      });
    }
    return out.view().slice();
  }
}
