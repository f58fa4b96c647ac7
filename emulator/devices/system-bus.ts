/** The bus of the machine: finds the device behind a port or a physical address outside RAM. */
import type { Bus, MmioDevice, PortDevice } from './bus';

interface MemoryWindow {
  readonly first: number;
  readonly length: number;
  readonly device: MmioDevice;
}

export class SystemBus implements Bus {
  private readonly ports = new Map<number, PortDevice>();
  private readonly windows: MemoryWindow[] = [];

  claimPorts(first: number, last: number, device: PortDevice): void {
    for (let port = first; port <= last; port++) this.ports.set(port, device);
  }

  claimMemory(pa: number, length: number, device: MmioDevice): void {
    this.windows.unshift({ first: pa, length, device });
  }

  readPort(port: number, size: 1 | 2 | 4): number {
    const device = this.ports.get(port);
    if (size > 1 && (device === undefined || size > (device.widest ?? 4))) {
      let value = 0;
      for (let byte = 0; byte < size; byte++) value |= this.readPort((port + byte) & 0xffff, 1) << (8 * byte);
      return value >>> 0;
    }
    return (device ? device.read(port, size) : ONES[size]) >>> 0;
  }

  writePort(port: number, size: 1 | 2 | 4, value: number): void {
    const device = this.ports.get(port);
    if (size > 1 && (device === undefined || size > (device.widest ?? 4))) {
      for (let byte = 0; byte < size; byte++) this.writePort((port + byte) & 0xffff, 1, (value >>> (8 * byte)) & 0xff);
      return;
    }
    device?.write(port, size, (value & ONES[size]) >>> 0);
  }

  readMemory(pa: number, size: number): bigint {
    const window = this.windowAt(pa);
    return window ? window.device.read(pa - window.first, size) : (1n << BigInt(8 * size)) - 1n;
  }

  writeMemory(pa: number, size: number, value: bigint): void {
    const window = this.windowAt(pa);
    window?.device.write(pa - window.first, size, value);
  }

  private windowAt(pa: number): MemoryWindow | undefined {
    return this.windows.find(({ first, length }) => pa >= first && pa < first + length);
  }
}

/** What is read where nothing answers. */
const ONES = { 1: 0xff, 2: 0xffff, 4: 0xffffffff } as const;
