/** Prefix bytes: what the programmer writes, and the order in which GNU as puts them. */

/** Order in which as emits prefixes: segment, address size, operand size, repeat, lock. */
const PREFIX_ORDER: Readonly<Record<number, number>> = {
  0x26: 1,
  0x2e: 1,
  0x36: 1,
  0x3e: 1,
  0x64: 1,
  0x65: 1,
  0x67: 2,
  0x66: 3,
  0xf2: 4,
  0xf3: 4,
  0xf0: 5,
};

/** Adds prefixes written by the programmer and puts all of them in the order as has them. */
export function addPrefixes(encoded: Uint8Array, prefixes: readonly number[], rex: number): Uint8Array {
  let count = 0;
  while (PREFIX_ORDER[encoded[count] ?? 0] !== undefined) count++;
  if (count + prefixes.length < 2 && prefixes.length === 0 && rex === 0) return encoded;
  const own = [...encoded.subarray(0, count)];
  const all = [...prefixes.filter((prefix) => !own.includes(prefix)), ...own].sort(
    (a, b) => (PREFIX_ORDER[a] ?? 0) - (PREFIX_ORDER[b] ?? 0),
  );
  const rest = [...encoded.subarray(count)];
  if (rex !== 0) {
    if (((rest[0] ?? 0) & 0xf0) === 0x40) rest[0] = rest[0] | rex;
    else rest.unshift(rex);
  }
  return Uint8Array.from([...all, ...rest]);
}
