/** The assembler's face. */
export { assemble } from './assembler';
export { type AssembleOptions, type AssembleResult, type MacroCall, type SymbolDefinitionSite } from './result';
export type { AsmMacro, MacroParameter } from './macros';
export { signatureOf } from './macros';
export type { SymbolReference } from './symbols';
export { listing } from './listing';
export { vocabulary, type Vocabulary } from './vocabulary';
