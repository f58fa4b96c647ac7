/** The devices that all processors share, saved together. */
import type { AcpiRegisters } from './acpi-registers';
import type { Hpet } from './hpet';
import type { InterruptLines } from './interrupt-lines';
import type { IoApic } from './io-apic';
import type { PciHostBridge } from './pci-host-bridge';
import type { Pic } from './pic';
import type { Pit } from './pit';
import type { PostCode } from './post-code';
import type { ResetControl } from './reset-control';
import type { Rtc } from './rtc';
import type { Uart } from './uart';

export interface SharedDevices {
  readonly pic: Pic;
  readonly lines: InterruptLines;
  readonly serial: Uart;
  readonly postCode: PostCode;
  readonly pit: Pit;
  readonly rtc: Rtc;
  readonly resetControl: ResetControl;
  /** Those of the `acpi` platform alone. */
  readonly acpi: AcpiDevices | undefined;
}

export interface AcpiDevices {
  readonly ioApic: IoApic;
  readonly pciHostBridge: PciHostBridge;
  readonly hpet: Hpet;
  readonly registers: AcpiRegisters;
}

export type SavedDevices = ReturnType<typeof saveDevices>;

export function saveDevices({ pic, lines, serial, postCode, pit, rtc, resetControl, acpi }: SharedDevices) {
  return {
    pic: pic.save(),
    lines: lines.save(),
    serial: serial.save(),
    postCode: postCode.save(),
    pit: pit.save(),
    rtc: rtc.save(),
    resetControl: resetControl.save(),
    acpi: acpi && {
      ioApic: acpi.ioApic.save(),
      pciHostBridge: acpi.pciHostBridge.save(),
      hpet: acpi.hpet.save(),
      registers: acpi.registers.save(),
    },
  };
}

/** To be called after `Clock.restore`: the devices schedule their events anew. */
export function restoreDevices(devices: SharedDevices, saved: SavedDevices): void {
  devices.pic.restore(saved.pic);
  devices.lines.restore(saved.lines);
  devices.serial.restore(saved.serial);
  devices.postCode.restore(saved.postCode);
  devices.pit.restore(saved.pit);
  devices.rtc.restore(saved.rtc);
  devices.resetControl.restore(saved.resetControl);
  const { acpi } = devices;
  if (!acpi || !saved.acpi) return;
  acpi.ioApic.restore(saved.acpi.ioApic);
  acpi.pciHostBridge.restore(saved.acpi.pciHostBridge);
  acpi.hpet.restore(saved.acpi.hpet);
  acpi.registers.restore(saved.acpi.registers);
}
