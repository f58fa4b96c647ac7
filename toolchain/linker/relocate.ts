/** Application of x86-64 relocations (psABI section 4.4). */
import { RELOCATION_TYPES, R_X86_64_GOTPCRELX, R_X86_64_REX_GOTPCRELX } from '../elf/relocations';
import type { Relocation } from '../elf/object';

/** Why a relocation could not be applied, in words for a diagnostic. */
export interface RelocationProblem {
  readonly message: string;
}

/**
 * Stores the value of `relocation` into `data`, the contents of its section, which lies at address `va`.
 * `target` is the address S of the symbol. Returns a problem instead of storing a value that does not fit.
 */
export function applyRelocation(
  data: Uint8Array,
  relocation: Relocation,
  va: bigint,
  target: bigint,
): RelocationProblem | undefined {
  const type = RELOCATION_TYPES.get(relocation.type);
  if (!type) {
    return {
      message:
        `relocation type ${relocation.type} against \`${relocation.symbol}' is not for static code: ` +
        'assemble without -fPIC, thread-local storage and a global offset table',
    };
  }
  const { offset, addend } = relocation;
  if (offset + type.size > data.length) {
    return {
      message: `relocation ${type.name} against \`${relocation.symbol}' lies outside its section: rebuild the object`,
    };
  }
  const isGotReference = relocation.type === R_X86_64_GOTPCRELX || relocation.type === R_X86_64_REX_GOTPCRELX;
  if (isGotReference && !relaxGotReference(data, offset)) {
    return {
      message:
        `\`${relocation.symbol}@GOTPCREL' needs a global offset table, which a static image does not have: ` +
        `refer to ${relocation.symbol}(%rip)`,
    };
  }
  const value = BigInt.asIntN(64, target + addend - (type.pcRelative ? va + BigInt(offset) : 0n));
  const width = BigInt(type.size * 8);
  if (!fits(value, width, type.range)) {
    return {
      message:
        `\`${relocation.symbol}'${addendText(addend)} does not fit: ${type.name} holds ${type.size * 8} bits ` +
        `${type.range === 'bitfield' ? '' : `(${type.range}) `}and the value is ${hex(value)}: ` +
        'use a wider operand, or an address this code can reach',
    };
  }
  let rest = BigInt.asUintN(64, value);
  for (let i = 0; i < type.size; i++) {
    data[offset + i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return undefined;
}

function fits(value: bigint, width: bigint, range: 'any' | 'unsigned' | 'signed' | 'bitfield'): boolean {
  if (range === 'any') return true;
  const signed = BigInt.asIntN(Number(width), value) === value;
  const unsigned = value >= 0n && BigInt.asUintN(Number(width), value) === value;
  return range === 'signed' ? signed : range === 'unsigned' ? unsigned : signed || unsigned;
}

/**
 * Turns the load of an address from the global offset table into the address itself (psABI, "Optimize GOTPCRELX
 * Relocations"): `mov sym@GOTPCREL(%rip), %reg` into `lea sym(%rip), %reg`, `call *sym@GOTPCREL(%rip)` into
 * `addr32 call sym`. False for other instructions.
 */
function relaxGotReference(data: Uint8Array, offset: number): boolean {
  const opcode = data[offset - 2];
  const modrm = data[offset - 1];
  if (opcode === 0x8b) {
    data[offset - 2] = 0x8d;
    return true;
  }
  if (opcode === 0xff && modrm === 0x15) {
    data[offset - 2] = 0x67;
    data[offset - 1] = 0xe8;
    return true;
  }
  return false;
}

function addendText(addend: bigint): string {
  if (addend === 0n) return '';
  return addend > 0n ? `+${hex(addend)}` : `-${hex(-addend)}`;
}

function hex(value: bigint): string {
  return `0x${BigInt.asUintN(64, value).toString(16)}`;
}
