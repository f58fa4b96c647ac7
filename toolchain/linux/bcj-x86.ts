/**
 * The x86 filter of .xz (BCJ): in what is packed, the targets of CALL and JMP are absolute, so that calls of the same
 * function look the same. Which of the bytes E8h and E9h are taken for one depends on those just before.
 */

const CALL = 0xe8;
const JMP = 0xe9;
const INSTRUCTION_BYTES = 5;
/** By which of the three bytes before were opcodes too: whether this one counts. */
const COUNTS = [true, true, true, false, true, false, false, false];
/** By the same: the lowest byte of the target that such an opcode may have changed; 0 is the highest. */
const CHANGED_BYTE = [0, 1, 2, 2, 3, 3, 3, 3];

/** Whether a target's highest byte is one the filter converts: it is a sign extension. */
function isSignExtension(byte: number): boolean {
  return byte === 0 || byte === 0xff;
}

/** Makes the targets relative again, in place; the first byte is at `start` of what was filtered. */
export function unfilterX86(bytes: Uint8Array, start = 0): void {
  const end = bytes.length - INSTRUCTION_BYTES;
  /** Bit n: the byte n + 1 before was an opcode that was not converted. */
  let before = 0;
  let last = -INSTRUCTION_BYTES;
  for (let at = 0; at <= end; at++) {
    if (bytes[at] !== CALL && bytes[at] !== JMP) continue;
    const distance = at - last;
    last = at;
    before = distance > 3 ? 0 : (before << (distance - 1)) & 7;
    // Bytes before that look like the end of a target leave this one alone.
    const top = bytes[at + 4];
    if (
      !isSignExtension(top) ||
      !COUNTS[before] ||
      (before !== 0 && isSignExtension(bytes[at + 4 - CHANGED_BYTE[before]]))
    ) {
      before = ((before << 1) & 7) | 1;
      continue;
    }
    const next = start + at + INSTRUCTION_BYTES;
    let target = bytes[at + 1] | (bytes[at + 2] << 8) | (bytes[at + 3] << 16) | (top << 24);
    for (;;) {
      target = (target - next) | 0;
      if (before === 0) break;
      const shift = 24 - 8 * CHANGED_BYTE[before];
      if (!isSignExtension((target >>> shift) & 0xff)) break;
      target ^= (1 << (32 - 8 * CHANGED_BYTE[before])) - 1;
    }
    bytes[at + 1] = target;
    bytes[at + 2] = target >> 8;
    bytes[at + 3] = target >> 16;
    bytes[at + 4] = target & (1 << 24) ? 0xff : 0;
    at += INSTRUCTION_BYTES - 1;
    last = at;
    before = 0;
  }
}
