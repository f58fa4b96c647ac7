/** Types of the WebAssembly binary format (core specification, 5.3). */

export const enum ValueType {
  I32 = 0x7f,
  I64 = 0x7e,
}

export interface FunctionType {
  readonly parameters: readonly ValueType[];
  readonly results: readonly ValueType[];
}
