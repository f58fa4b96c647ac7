/** Memory types as firmware sets them up: RAM write-back, ROM write-protected, devices uncached (SDM vol. 3, section 12.11). */
import type { Cpu } from '../cpu/cpu';
import { writeMsr } from '../cpu/msr';

const enum MemoryType {
  UC = 0,
  WP = 5,
  WB = 6,
}

const MTRR_PHYSBASE0 = 0x200;
const MTRR_PHYSMASK0 = 0x201;
const MTRR_DEF_TYPE = 0x2ff;
const VALID = 1n << 11n;
/** IA32_MTRR_DEF_TYPE: ranges, and the fixed ones among them, are in force. */
const ENABLED = (1 << 11) | (1 << 10);

/** Devices live in the last of the first four GiB. */
const DEVICES = 0xc0000000n;
const DEVICE_BYTES = 1n << 30n;

/** Fixed ranges: conventional memory, video memory, option ROMs and BIOS in eight registers. */
const FIXED: readonly (readonly [number, MemoryType])[] = [
  [0x250, MemoryType.WB],
  [0x258, MemoryType.WB],
  [0x259, MemoryType.UC],
  ...Array.from({ length: 8 }, (_, index): [number, MemoryType] => [0x268 + index, MemoryType.WP]),
];

/** Nothing happens on a model without memory-type ranges. */
export function setMemoryTypes(cpu: Cpu): void {
  if (!cpu.model.features.has('MTRR')) return;
  for (const [number, type] of FIXED) writeMsr(cpu, number, BigInt(type) * 0x0101010101010101n);
  const physical = 1n << BigInt(cpu.model.physicalAddressBits);
  writeMsr(cpu, MTRR_PHYSBASE0, DEVICES | BigInt(MemoryType.UC));
  writeMsr(cpu, MTRR_PHYSMASK0, (physical - DEVICE_BYTES) | VALID);
  writeMsr(cpu, MTRR_DEF_TYPE, BigInt(ENABLED | MemoryType.WB));
}
