/**
 * Protection keys (SDM vol. 3, section 4.6.2): every page has one of 16, and PKRU grants rights by key for user pages,
 * IA32_PKRS for supervisor pages; paging.ts applies them.
 */
export const KEYS = 16;

/** The two bits that PKRU and IA32_PKRS have for each key. */
export const enum KeyRights {
  /** Access disable: no data access. */
  AD = 1 << 0,
  /** Write disable: no writes from CPL 3, with CR0.WP no others either. */
  WD = 1 << 1,
}

/** `KeyRights` of a key in PKRU or IA32_PKRS. */
export function keyRights(register: number, key: number): number {
  return (register >>> (2 * key)) & 3;
}

/** The keys, a bit each, to which two values of PKRU or IA32_PKRS give different rights. */
export function changedKeys(a: number, b: number): number {
  let keys = 0;
  for (let key = 0; key < KEYS; key++) if (keyRights(a ^ b, key)) keys |= 1 << key;
  return keys;
}
