/** CRC-32 as gzip and xz use it (ISO 3309, ITU-T V.42): polynomial EDB88320h, bits reflected. */

const POLYNOMIAL = 0xedb88320;
const BYTE_VALUES = 256;
const BYTE_BITS = 8;

/** The remainders of each byte value. */
const REMAINDERS = Uint32Array.from({ length: BYTE_VALUES }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < BYTE_BITS; bit++) {
    remainder = remainder & 1 ? (remainder >>> 1) ^ POLYNOMIAL : remainder >>> 1;
  }
  return remainder;
});

/** The checksum, an unsigned 32-bit number. */
export function crc32(bytes: Uint8Array): number {
  let remainder = -1;
  for (let index = 0; index < bytes.length; index++) {
    remainder = (remainder >>> BYTE_BITS) ^ REMAINDERS[(remainder ^ bytes[index]) & 0xff];
  }
  return ~remainder >>> 0;
}
