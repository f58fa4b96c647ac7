/** The devices of a machine, attached to its bus. */
import type { Clock } from '../clock';
import type { RequestedEnd } from '../machine';
import { AcpiRegisters, SCI_IRQ } from './acpi-registers';
import { ApicBus } from './apic-bus';
import type { Bus } from './bus';
import { attachDebugConsole } from './debug-console';
import { DebugExit } from './debug-exit';
import { Hpet } from './hpet';
import { InterruptLines } from './interrupt-lines';
import { IoApic } from './io-apic';
import { LocalApic } from './local-apic';
import { PciHostBridge } from './pci-host-bridge';
import { Pic } from './pic';
import { Pit, PIT_IRQ } from './pit';
import { PostCode } from './post-code';
import { ProcessorBus } from './processor-bus';
import { ResetControl } from './reset-control';
import { Rtc, RTC_IRQ } from './rtc';
import type { AcpiDevices, SharedDevices } from './shared-devices';
import { COM1_IRQ, Uart } from './uart';

/**
 * `legacy` is a PC with 8259s alone; `acpi` has APICs, HPET, ACPI registers and a PCI host bridge besides, which
 * `acpiTables` (boot/acpi.ts) describes.
 */
export const PLATFORMS = ['legacy', 'acpi'] as const;
export type Platform = (typeof PLATFORMS)[number];

/** Where a processor gets its interrupts from. */
export interface InterruptSource {
  /** Level of the interrupt request to the processor. */
  readonly interruptRequested: boolean;
  /** Vector of the interrupt, which counts as taken. */
  acknowledge(): number;
}

export interface Devices {
  readonly interrupts: InterruptSource;
  readonly serial: Uart;
  /** The bus as the first processor sees it. */
  readonly processorBus: Bus;
  /** Local APIC of the first processor, on the `acpi` platform. */
  readonly localApic: LocalApic | undefined;
  readonly shared: SharedDevices;
}

export interface DeviceConnections {
  readonly platform: Platform;
  readonly memoryBytes: number;
  /** A byte the guest sent to its first serial port. */
  readonly serial: (byte: number) => void;
  /** A byte the guest wrote to the debug console, port E9h. */
  readonly debugConsole: (byte: number) => void;
  /** The guest ended the run. */
  readonly end: (end: RequestedEnd) => void;
  /** The time-stamp counter of the first processor. */
  readonly timestamp: () => bigint;
  /** Time the real-time clock shows at reset, in seconds since 1970 (UTC); default the start of the year 2000. */
  readonly startSeconds?: number;
}

const YEAR_2000 = 946_684_800;

export function attachDevices(bus: Bus, clock: Clock, connections: DeviceConnections): Devices {
  const { end, memoryBytes, startSeconds = YEAR_2000 } = connections;
  const apicBus = connections.platform === 'acpi' ? new ApicBus() : undefined;
  const localApic: LocalApic | undefined =
    apicBus &&
    new LocalApic({
      ...{ clock, bus: apicBus, id: 0, timestamp: connections.timestamp },
      acknowledgeExternal: () => pic.acknowledge(),
      initialize: () => end({ reason: 'reset' }),
    });
  const pic: Pic = Pic.attach(bus, (level) => localApic?.setPin(0, level));
  const ioApic = apicBus && IoApic.attach(bus, apicBus);
  const lines = new InterruptLines(pic, ioApic);
  const serial = Uart.attach(bus, {
    transmit: connections.serial,
    setInterrupt: (level) => lines.set(COM1_IRQ, level),
  });
  DebugExit.attach(bus, (code) => end({ reason: 'exit', code }));
  const postCode = PostCode.attach(bus);
  const pit = Pit.attach(bus, clock, (level) => lines.set(PIT_IRQ, level));
  const rtc = Rtc.attach(bus, clock, startSeconds, { memoryBytes, setInterrupt: (level) => lines.set(RTC_IRQ, level) });
  attachDebugConsole(bus, connections.debugConsole);
  const resetControl = ResetControl.attach(bus, () => end({ reason: 'reset' }));
  const acpi = ioApic && attachAcpiDevices(bus, clock, { ioApic, lines, end });
  localApic?.enterVirtualWireMode();
  return {
    interrupts: localApic ?? pic,
    serial,
    processorBus: localApic ? new ProcessorBus(bus, localApic) : bus,
    localApic,
    shared: { pic, lines, serial, postCode, pit, rtc, resetControl, acpi },
  };
}

function attachAcpiDevices(
  bus: Bus,
  clock: Clock,
  { ioApic, lines, end }: { ioApic: IoApic; lines: InterruptLines; end: DeviceConnections['end'] },
): AcpiDevices {
  return {
    ioApic,
    pciHostBridge: PciHostBridge.attach(bus),
    hpet: Hpet.attach(bus, clock, {
      setPin: (pin, level) => ioApic.setPin(pin, level),
      setLegacyLine: (irq, level) => lines.setReplaced(irq, level),
      replaceLegacy: (replaced) => lines.replace([PIT_IRQ, RTC_IRQ], replaced),
    }),
    registers: AcpiRegisters.attach(
      bus,
      clock,
      (level) => lines.set(SCI_IRQ, level),
      () => end({ reason: 'power-off' }),
    ),
  };
}
