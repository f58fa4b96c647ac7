/**
 * What parts of a machine give of themselves to be saved: plain data, that survives being written down. Each part declares
 * its own form by its `save`, and takes the same form in its `restore`.
 */
export type Saved =
  undefined | boolean | number | bigint | string | readonly Saved[] | { readonly [name: string]: Saved };

/** Whether `saved` has the form of `model`: what another version of a part saved usually has not. */
export function hasFormOf<T extends Saved>(model: T, saved: Saved): saved is T {
  // What may be absent is absent in one of the two: nothing can be told.
  if (model === undefined || saved === undefined) return true;
  if (isList(model)) {
    return isList(saved) && saved.every((item, i) => hasFormOf<Saved>(model.at(i) ?? model.at(0), item));
  }
  if (typeof model !== 'object') return typeof saved === typeof model;
  if (typeof saved !== 'object' || isList(saved)) return false;
  const names = Object.keys(model);
  return (
    Object.keys(saved).length === names.length &&
    names.every((name) => Object.hasOwn(saved, name) && hasFormOf<Saved>(model[name], saved[name]))
  );
}

function isList(saved: Saved): saved is readonly Saved[] {
  return Array.isArray(saved);
}

/** `saved` as text; `savedFromText` is its inverse. */
export function savedToText(saved: Saved): string {
  return JSON.stringify(saved, (_name, value: Saved) => {
    if (typeof value === 'bigint') return { [BIGINT]: value.toString() };
    return value === undefined ? null : value;
  });
}

/** Throws SyntaxError if the text is not what `savedToText` gives. */
export function savedFromText(text: string): Saved {
  return withoutNull(JSON.parse(text, (_name, value: unknown) => bigintOf(value) ?? value));
}

/** Name of the one property of an object that stands for a bigint. */
const BIGINT = 'bigint';

function bigintOf(value: unknown): bigint | undefined {
  if (typeof value !== 'object' || value === null || !(BIGINT in value)) return undefined;
  return BigInt(String(value[BIGINT]));
}

/** JSON knows no `undefined`, and its parser would leave such properties out. */
function withoutNull(value: unknown): Saved {
  if (value === null) return undefined;
  if (Array.isArray(value)) return value.map(withoutNull);
  if (typeof value !== 'object') return value as Saved;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, withoutNull(item)]));
}
