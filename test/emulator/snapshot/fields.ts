/** Looks at every field of an object and of all it refers to: what differs between two machines that should be equal. */
import * as layout from '../../../emulator/engine/layout';

/** What generated code has of the registers, flags that it has not worked out left aside. */
const REGISTERS: readonly (readonly [from: number, to: number])[] = [
  [layout.GPR, layout.ADDRESS],
  [layout.SEGMENT_BASE, layout.FLAG_RESULT],
  [layout.FLAGS_REST, layout.BUDGET],
  [layout.VECTOR, layout.MXCSR + 4],
];

/** Paths of the fields that have different values in `a` and `b`. */
export function differences(a: object, b: object): string[] {
  const [left, right] = [fieldsOf(a), fieldsOf(b)];
  const paths = new Set([...left.keys(), ...right.keys()]);
  return [...paths].filter((path) => left.get(path) !== right.get(path));
}

/** How many fields `differences` looks at. */
export function countFields(object: object): number {
  return fieldsOf(object).size;
}

/**
 * Fields, by class, of all objects with a `save` that `root` leads to, which hold a value of their own, not another such
 * object, and are not in what `save` gives.
 */
export function unsavedFields(root: object): string[] {
  const unsaved = new Set<string>();
  const seen = new Set<object>();
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || seen.has(value)) return;
    seen.add(value);
    if (isSaved(value)) {
      const saved = value.save();
      for (const [name, field] of Object.entries(value)) {
        if (isValue(field) && !(name in saved)) unsaved.add(`${value.constructor.name}.${name}`);
      }
    }
    for (const [, item] of partsOf(value)) visit(item);
  };
  visit(root);
  return [...unsaved].sort();
}

function isSaved(value: object): value is { save: () => object } {
  return 'save' in value && typeof value.save === 'function';
}

function isValue(field: unknown): boolean {
  if (typeof field === 'function') return false;
  if (typeof field !== 'object' || field === null) return true;
  if (ArrayBuffer.isView(field)) return !isOfMachine(field);
  return Array.isArray(field) || field instanceof Map || field instanceof Set;
}

function fieldsOf(root: object): Map<string, unknown> {
  const fields = new Map<string, unknown>();
  const seen = new Set<object>();
  const visit = (value: unknown, path: string): void => {
    // Functions are the same in all machines, and so is what they close over once the rest is.
    if (typeof value === 'function') return;
    if (typeof value !== 'object' || value === null) fields.set(path, value);
    else if (!seen.has(value)) {
      seen.add(value);
      for (const [name, item] of partsOf(value)) visit(item, `${path}.${name}`);
    }
  };
  visit(root, '');
  return fields;
}

function partsOf(value: object): Iterable<readonly [string, unknown]> {
  if (value instanceof Map) return [...value].map(([key, item]) => [String(key), item]);
  if (value instanceof Set) return [...value].map((item) => [String(item), true]);
  if (value instanceof WebAssembly.Memory) return registersIn(value);
  if (ArrayBuffer.isView(value)) return isOfMachine(value) ? [] : bytesOf(value);
  return Object.entries(value);
}

function registersIn({ buffer }: WebAssembly.Memory): [string, unknown][] {
  return REGISTERS.map(([from, to]) => [`${from}`, hexOf(new Uint8Array(buffer, from, to - from))]);
}

/** A view of a machine's memory. */
function isOfMachine({ buffer }: ArrayBufferView): boolean {
  return buffer.byteLength > layout.RAM;
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): [string, unknown][] {
  return [['bytes', hexOf(new Uint8Array(buffer, byteOffset, byteLength))]];
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
