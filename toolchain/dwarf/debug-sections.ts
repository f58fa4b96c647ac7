/** The DWARF 5 sections that describe an assembled module. */
import type { ObjectModule, Section } from '../elf/object';
import { FileTable } from './file-table';
import { writeInfo } from './info-writer';
import { codeRows, writeLines } from './line-writer';
import { StringSection } from './section-builder';

export interface DebugOptions {
  /** Absolute folder in which relative file names are to be looked up. */
  readonly compilationDirectory?: string;
}

const PRODUCER = 'Ringside assembler';

/**
 * Sections for `writeObject` or `link` to append; none if the module has no code with line rows or brings DWARF of its
 * own.
 */
export function debugSections(module: ObjectModule, options: DebugOptions = {}): Section[] {
  const hasCode = module.sections.some((section) => codeRows(module, section).length > 0);
  if (!hasCode || module.sections.some(({ name }) => name === '.debug_info')) return [];
  const { compilationDirectory } = options;
  const files = new FileTable(module.source, compilationDirectory ?? '.');
  const strings = new StringSection('.debug_str');
  const lineStrings = new StringSection('.debug_line_str');
  const info = writeInfo({ module, files, strings, lineStrings, producer: PRODUCER, compilationDirectory });
  // The line table's header lists all files, so it comes after everything that names one.
  const lines = writeLines(module, files, lineStrings);
  return [...info, lines, strings.section(), lineStrings.section()];
}
