/** Encodes the little ACPI machine language this machine needs (ACPI 6.4, chapter 20; resource data types, section 6.4). */

/** Encoded terms. */
export type Aml = readonly number[];

const enum Op {
  ZERO = 0x00,
  ONE = 0x01,
  NAME = 0x08,
  BYTE = 0x0a,
  WORD = 0x0b,
  DWORD = 0x0c,
  SCOPE = 0x10,
  BUFFER = 0x11,
  PACKAGE = 0x12,
  EXTENDED = 0x5b,
  ROOT = 0x5c,
  DEVICE = 0x82,
}

export function littleEndian(value: number, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, i) => Math.floor(value / 2 ** (8 * i)) % 256);
}

/** A name of up to four characters, `\` before it for one below the root. */
function nameString(name: string): number[] {
  const rooted = name.startsWith('\\');
  const segment = (rooted ? name.slice(1) : name).padEnd(4, '_');
  return [...(rooted ? [Op.ROOT] : []), ...ascii(segment)];
}

export function ascii(text: string): number[] {
  return [...text].map((character) => character.charCodeAt(0));
}

/** The length before `content`, which counts itself. */
function withLength(content: Aml): number[] {
  if (content.length + 1 < 0x40) return [content.length + 1, ...content];
  const length = content.length + 2;
  if (length >= 0x1000) throw new RangeError('an AML package of more than 4095 bytes');
  return [0x40 | (length & 0xf), length >> 4, ...content];
}

export function integer(value: number): Aml {
  if (value === 0) return [Op.ZERO];
  if (value === 1) return [Op.ONE];
  if (value < 0x100) return [Op.BYTE, value];
  return value < 0x10000 ? [Op.WORD, ...littleEndian(value, 2)] : [Op.DWORD, ...littleEndian(value, 4)];
}

/** `Name (name, value)`. */
export function named(name: string, value: Aml): Aml {
  return [Op.NAME, ...nameString(name), ...value];
}

export function packageOf(...elements: Aml[]): Aml {
  return [Op.PACKAGE, ...withLength([elements.length, ...elements.flat()])];
}

function buffer(bytes: Aml): Aml {
  return [Op.BUFFER, ...withLength([...integer(bytes.length), ...bytes])];
}

export function scope(name: string, ...terms: Aml[]): Aml {
  return [Op.SCOPE, ...withLength([...nameString(name), ...terms.flat()])];
}

export function device(name: string, ...terms: Aml[]): Aml {
  return [Op.EXTENDED, Op.DEVICE, ...withLength([...nameString(name), ...terms.flat()])];
}

/** A Plug and Play identification such as PNP0A03, compressed to 32 bits. */
export function eisaId(id: string): Aml {
  const [a, b, c] = ascii(id.slice(0, 3)).map((code) => code - 0x40);
  const letters = (a << 10) | (b << 5) | c;
  const product = parseInt(id.slice(3), 16);
  return [Op.DWORD, letters >> 8, letters & 0xff, product >> 8, product & 0xff];
}

/** `ResourceTemplate () { … }`. */
export function resources(...descriptors: Aml[]): Aml {
  const endTag = [0x79, 0];
  return buffer([...descriptors.flat(), ...endTag]);
}

/** `IO (Decode16, …)`: `length` ports from `port`. */
export function ports(port: number, length: number): Aml {
  const address = littleEndian(port, 2);
  return [0x47, 1, ...address, ...address, 1, length];
}

/** `IRQNoFlags () { irq }`. */
export function irq(number: number): Aml {
  return [0x22, ...littleEndian(1 << number, 2)];
}

/** `Memory32Fixed (ReadWrite, …)`. */
export function fixedMemory(address: number, length: number): Aml {
  return [0x86, 9, 0, 1, ...littleEndian(address, 4), ...littleEndian(length, 4)];
}

/** What a bridge passes on. */
export const enum RangeType {
  MEMORY = 0,
  IO = 1,
  BUS_NUMBERS = 2,
}

/** Lower and upper bound are fixed. */
const FIXED = 0x0c;
/** Flags by type: read-write memory, the entire range of ports. */
const RANGE_FLAGS = { [RangeType.MEMORY]: 1, [RangeType.IO]: 3, [RangeType.BUS_NUMBERS]: 0 };

/** `WordBusNumber`, `WordIO` or `DWordMemory`, as wide as the type wants it. */
export function addressRange(type: RangeType, first: number, last: number): Aml {
  const bytes = type === RangeType.MEMORY ? 4 : 2;
  const [granularity, translation] = [0, 0];
  const numbers = [granularity, first, last, translation, last - first + 1];
  const content = [type, FIXED, RANGE_FLAGS[type], ...numbers.flatMap((value) => littleEndian(value, bytes))];
  return [bytes === 4 ? 0x87 : 0x88, ...littleEndian(content.length, 2), ...content];
}
