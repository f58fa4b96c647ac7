/** The NOPs GNU as 2.40 pads code with, outside 16-bit code (i386_output_nops with its default tuning). */

/** The multi-byte NOPs of the SDM (volume 2, NOP) and what prefixes make of them, by length. */
const NOPS: readonly (readonly number[])[] = [
  [],
  [0x90],
  [0x66, 0x90],
  [0x0f, 0x1f, 0x00],
  [0x0f, 0x1f, 0x40, 0x00],
  [0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00],
  [0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
  [0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
  [0x66, 0x2e, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
  [0x66, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
];

const LONGEST = NOPS.length - 1;
/** More NOPs than this in a row are jumped over. */
const MAXIMUM_IN_A_ROW = 7;

/** `count` bytes of padding that execute as nothing. */
export function nopFill(count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  let position = 0;
  if (Math.floor(count / LONGEST) > MAXIMUM_IN_A_ROW) {
    if (count - 2 <= 127) {
      bytes.set([0xeb, count - 2]);
      position = 2;
    } else {
      bytes[0] = 0xe9;
      new DataView(bytes.buffer).setInt32(1, count - 5, true);
      position = 5;
    }
  }
  while (position < count) {
    const nop = NOPS[Math.min(LONGEST, count - position)];
    bytes.set(nop, position);
    position += nop.length;
  }
  return bytes;
}
