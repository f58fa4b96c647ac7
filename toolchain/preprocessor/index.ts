/** The C preprocessor's face. */
export {
  preprocess,
  type IncludeDirective,
  type PreprocessOptions,
  type PreprocessResult,
  type ReadFile,
} from './preprocessor';
export type { MacroDefinition } from './macros';
export {
  columnAfter,
  diagnosticAt,
  locationAt,
  NO_MACROS,
  sliceColumns,
  sourceLines,
  type ColumnSpan,
  type MacroUse,
  type SourceLine,
} from './source-line';
export { characterEnd, closingQuote, hashComment, stripComments, type CommentDialect } from './comments';
export { directoryOf, isAbsolute, joinPath, normalizePath } from './paths';
export { spell } from './tokens';
