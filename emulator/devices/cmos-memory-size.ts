/** The size of RAM in CMOS memory, as a PC's firmware leaves it there. */

/** Registers of 16 bits, low byte first. */
const BASE_KIBIBYTES = 0x15;
const EXTENDED_KIBIBYTES = [0x17, 0x30];
/** In units of 64 KiB. */
const ABOVE_16_MIB = 0x34;

const KIB = 1024;
const MIB = 1024 * KIB;
const MOST = 0xffff;

export function describeMemory(cmos: Uint8Array, memoryBytes: number): void {
  const put = (register: number, value: number): void => {
    const shown = Math.floor(Math.min(MOST, Math.max(0, value)));
    cmos[register] = shown & 0xff;
    cmos[register + 1] = shown >> 8;
  };
  put(BASE_KIBIBYTES, Math.min(640, memoryBytes / KIB));
  for (const register of EXTENDED_KIBIBYTES) put(register, (memoryBytes - MIB) / KIB);
  put(ABOVE_16_MIB, (memoryBytes - 16 * MIB) / (64 * KIB));
}
