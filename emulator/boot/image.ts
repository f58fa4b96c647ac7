/** What the loaders take: an image somebody else has parsed, and the errors they report about it. */

/** A loadable segment (ELF: PT_LOAD). */
export interface ImageSegment {
  readonly va: bigint;
  /** Where it is loaded. */
  readonly pa: bigint;
  readonly bytes: Uint8Array;
  /** Bytes in memory, at least those of the file; the rest is zero. */
  readonly memoryBytes: number;
}

export interface Image {
  readonly entry: bigint;
  readonly segments: readonly ImageSegment[];
  /** Mode of its code: ELFCLASS32 or ELFCLASS64. */
  readonly mode: 32 | 64;
}

export type ImageProblem =
  /** It does not fit the machine's memory: give the machine more, or load lower. */
  | 'too-big'
  /** The file ends before what its header promises. */
  | 'truncated'
  /** There is no header of the format asked for. */
  | 'no-header'
  /** The header is there but contradicts itself. */
  | 'bad-header'
  /** It asks for something this machine does not have. */
  | 'unsupported';

/** An image cannot be loaded; the message says what is wrong and what helps. */
export class ImageError extends Error {
  constructor(
    readonly problem: ImageProblem,
    message: string,
  ) {
    super(message);
    this.name = 'ImageError';
  }
}

export function hex(value: bigint | number): string {
  return `0x${value.toString(16)}`;
}
