/**
 * The I/O side of the machine: ports and memory-mapped devices. Reading where no device is gives all ones, writing there
 * does nothing, as on a PC.
 */

export interface PortDevice {
  /** Widest access the device takes; the bus splits wider ones into bytes at consecutive ports, as ISA does. Default 4. */
  readonly widest?: 1 | 2 | 4;
  /** Reads `size` (1, 2 or 4) bytes at `port`. */
  read(port: number, size: 1 | 2 | 4): number;
  write(port: number, size: 1 | 2 | 4, value: number): void;
}

export interface MmioDevice {
  /** Reads 1, 2, 4 or 8 bytes at `offset` from the start of its window. */
  read(offset: number, size: number): bigint;
  write(offset: number, size: number, value: bigint): void;
}

export interface Bus {
  /** Ports `first..last` belong to `device`; a later claim wins. */
  claimPorts(first: number, last: number, device: PortDevice): void;
  claimMemory(pa: number, length: number, device: MmioDevice): void;
  readPort(port: number, size: 1 | 2 | 4): number;
  writePort(port: number, size: 1 | 2 | 4, value: number): void;
  /** Physical access outside RAM, at most 8 bytes. */
  readMemory(pa: number, size: number): bigint;
  writeMemory(pa: number, size: number, value: bigint): void;
}
