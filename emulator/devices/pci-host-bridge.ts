/**
 * PCI configuration mechanism 1 (PCI Local Bus Specification 3.0, section 3.2.2.3.2): one bus, on which there is nothing but
 * the host bridge.
 */
import type { Bus, PortDevice } from './bus';

export const PCI_ADDRESS_PORT = 0xcf8;
export const PCI_DATA_PORT = 0xcfc;

const ENABLE = 0x80000000;
const CONFIGURATION_BYTES = 256;
/** Vendor Intel, device 82441FX. */
const VENDOR_AND_DEVICE = 0x1237_8086;
/** Class 06h bridge, subclass 00h host; revision 2. */
const CLASS_AND_REVISION = 0x0600_0002;

/** Offsets in configuration space. */
const enum Configuration {
  VENDOR_AND_DEVICE = 0x00,
  COMMAND = 0x04,
  CLASS_AND_REVISION = 0x08,
}
/** Command bits that software may set: I/O, memory, bus master, parity error response, SERR#. */
const COMMAND_BITS = 0x0147;

export class PciHostBridge implements PortDevice {
  private address = 0;
  private readonly configuration = new DataView(new ArrayBuffer(CONFIGURATION_BYTES));

  constructor() {
    this.configuration.setUint32(Configuration.VENDOR_AND_DEVICE, VENDOR_AND_DEVICE, true);
    this.configuration.setUint32(Configuration.CLASS_AND_REVISION, CLASS_AND_REVISION, true);
  }

  static attach(bus: Bus): PciHostBridge {
    const bridge = new PciHostBridge();
    bus.claimPorts(PCI_ADDRESS_PORT, PCI_ADDRESS_PORT, bridge);
    bus.claimPorts(PCI_DATA_PORT, PCI_DATA_PORT + 3, bridge);
    return bridge;
  }

  save() {
    return { address: this.address, configuration: [...new Uint8Array(this.configuration.buffer)] };
  }

  restore({ address, configuration }: ReturnType<PciHostBridge['save']>): void {
    this.address = address;
    new Uint8Array(this.configuration.buffer).set(configuration);
  }

  /** The address register takes accesses of 32 bits alone. */
  read(port: number, size: 1 | 2 | 4): number {
    if (port === PCI_ADDRESS_PORT) return size === 4 ? this.address : ALL_ONES[size];
    const at = this.selected(port, size);
    if (at === undefined) return ALL_ONES[size];
    if (size === 1) return this.configuration.getUint8(at);
    return size === 2 ? this.configuration.getUint16(at, true) : this.configuration.getUint32(at, true);
  }

  write(port: number, size: 1 | 2 | 4, value: number): void {
    if (port === PCI_ADDRESS_PORT) {
      if (size === 4) this.address = (value & 0x80fffffc) >>> 0;
      return;
    }
    const at = this.selected(port, size);
    if (at === undefined) return;
    for (let byte = 0; byte < size; byte++) {
      const offset = at + byte - Configuration.COMMAND;
      if (offset < 0 || offset > 1) continue;
      const written = (value >>> (8 * byte)) & (COMMAND_BITS >> (8 * offset)) & 0xff;
      this.configuration.setUint8(at + byte, written);
    }
  }

  /** Offset in the host bridge's configuration space; undefined if another function is addressed, or none. */
  private selected(port: number, size: number): number | undefined {
    const at = (this.address & 0xfc) + (port - PCI_DATA_PORT);
    const isBridge = this.address >= ENABLE && (this.address & 0x00ffff00) === 0;
    return isBridge && at + size <= CONFIGURATION_BYTES ? at : undefined;
  }
}

/** What is read where nothing answers. */
const ALL_ONES = { 1: 0xff, 2: 0xffff, 4: 0xffffffff } as const;
