/** Sources as bytes. */
import { assemble } from '../../../toolchain';

/** Assembled code, and where its instructions are. */
export interface AssembledCode {
  readonly bytes: Uint8Array;
  /** Offset of each instruction. */
  readonly offsets: readonly number[];
  readonly labels: ReadonlyMap<string, number>;
}

export function assembled(name: string, text: string): AssembledCode {
  const { module, diagnostics } = assemble({ path: `${name}.s`, text: `${text}\n` }, {});
  const section = module?.sections.find((each) => each.name === '.text');
  const error = diagnostics.find(({ severity }) => severity === 'error');
  if (!module || !section || error) {
    const line = error ? text.split('\n')[error.location.line - 1] : '';
    throw new Error(`${name}: ${error?.message ?? 'no code'}: ${line}`);
  }
  const rows = module.lines.filter(({ section: of, content }) => of === '.text' && content !== 'data');
  return {
    bytes: section.data,
    offsets: rows.map(({ offset }) => offset),
    labels: new Map(module.symbols.map(({ name: label, value }) => [label, Number(value)])),
  };
}
