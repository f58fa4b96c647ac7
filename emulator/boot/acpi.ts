/** ACPI tables (ACPI 6.4, chapter 5) that describe the devices of the `acpi` platform, as firmware leaves them in memory. */
import {
  PM1A_CONTROL_BYTES,
  PM1A_CONTROL_PORT,
  PM1A_EVENT_BYTES,
  PM1A_EVENT_PORT,
  PM_TIMER_BYTES,
  PM_TIMER_PORT,
  SCI_IRQ,
} from '../devices/acpi-registers';
import { HPET_BASE, HPET_HARDWARE_ID } from '../devices/hpet';
import { IO_APIC_BASE, IO_APIC_ID } from '../devices/io-apic';
import { PIT_PIN } from '../devices/interrupt-lines';
import { RESET_CONTROL_PORT } from '../devices/reset-control';
import { dsdtTerms } from './acpi-dsdt';
import { ascii, littleEndian } from './aml';

/** Where operating systems look for the RSDP: the BIOS area, which memory maps show as reserved. */
export const ACPI_TABLES = 0xf0000;

export interface AcpiOptions {
  /** Processors, with local APIC identifiers from 0 on. Default 1. */
  readonly processors?: number;
}

export interface AcpiTable {
  /** Physical address. */
  readonly address: number;
  readonly bytes: Uint8Array;
}

const LOCAL_APIC_BASE = 0xfee00000;
/** The FACS must be aligned so; enough for the others, too. */
const ALIGNMENT = 64;

const u16 = (value: number): number[] => littleEndian(value, 2);
const u32 = (value: number): number[] => littleEndian(value, 4);
const u64 = (value: number): number[] => littleEndian(value, 8);
const zeros = (length: number): number[] => new Array<number>(length).fill(0);

/** All tables with where they belong; the first is the RSDP. */
export function acpiTables({ processors = 1 }: AcpiOptions = {}): AcpiTable[] {
  const tables: AcpiTable[] = [];
  let next = ACPI_TABLES + ALIGNMENT;
  const place = (bytes: Uint8Array): number => {
    const address = next;
    tables.push({ address, bytes });
    next += Math.ceil(bytes.length / ALIGNMENT) * ALIGNMENT;
    return address;
  };
  const dsdt = place(table('DSDT', 2, dsdtTerms()));
  const facs = place(facsBytes());
  const described = [fadt(facs, dsdt), madt(processors), hpet()].map(place);
  const rsdt = place(table('RSDT', 1, described.flatMap(u32)));
  const xsdt = place(table('XSDT', 1, described.flatMap(u64)));
  return [{ address: ACPI_TABLES, bytes: rsdp(rsdt, xsdt) }, ...tables];
}

const OEM = 'RNGSDE';

/** A table with the common header and a checksum that makes all bytes add up to 0. */
function table(signature: string, revision: number, content: readonly number[]): Uint8Array {
  const header = [
    ...ascii(signature),
    ...u32(36 + content.length),
    ...[revision, 0],
    ...ascii(OEM),
    ...ascii('RINGSIDE'),
    ...u32(1),
    ...ascii('RNGS'),
    ...u32(1),
  ];
  const bytes = Uint8Array.from([...header, ...content]);
  bytes[9] = checksum(bytes);
  return bytes;
}

function checksum(bytes: Uint8Array): number {
  return -bytes.reduce((sum, byte) => sum + byte, 0) & 0xff;
}

/** Root system description pointer; its first 20 bytes have a checksum of their own. */
function rsdp(rsdt: number, xsdt: number): Uint8Array {
  const revision = 2;
  const bytes = Uint8Array.from([
    ...ascii('RSD PTR '),
    0,
    ...ascii(OEM),
    revision,
    ...u32(rsdt),
    ...u32(36),
    ...u64(xsdt),
    ...zeros(4),
  ]);
  bytes[8] = checksum(bytes.subarray(0, 20));
  bytes[32] = checksum(bytes);
  return bytes;
}

/** Firmware ACPI control structure: has no checksum. */
function facsBytes(): Uint8Array {
  const version = 2;
  return Uint8Array.from([...ascii('FACS'), ...u32(64), ...zeros(24), version, ...zeros(31)]);
}

/** Address spaces and access sizes of generic address structures. */
const enum Space {
  MEMORY = 0,
  IO = 1,
}

/** Generic address structure; `access` is 1 for bytes, 2 for words, 3 for double words, 0 for any. */
function genericAddress(space: Space, address: number, bits: number, access: number): number[] {
  return [space, bits, 0, access, ...u64(address)];
}
const NO_ADDRESS = zeros(12);

/** Fixed feature flags of the FADT. */
const enum Feature {
  WBINVD = 1 << 0,
  PROC_C1 = 1 << 2,
  /** No fixed power and sleep buttons. */
  PWR_BUTTON = 1 << 4,
  SLP_BUTTON = 1 << 5,
  /** The real-time clock wakes nobody through the fixed registers. */
  FIX_RTC = 1 << 6,
  /** The power management timer has 32 bits. */
  TMR_VAL_EXT = 1 << 8,
  RESET_REG_SUP = 1 << 10,
}
const FEATURES =
  Feature.WBINVD |
  Feature.PROC_C1 |
  Feature.PWR_BUTTON |
  Feature.SLP_BUTTON |
  Feature.FIX_RTC |
  Feature.TMR_VAL_EXT |
  Feature.RESET_REG_SUP;

/** IA-PC boot architecture flags: there are legacy devices, no 8042 among them, and no VGA. */
const LEGACY_DEVICES = 1 << 0;
const VGA_NOT_PRESENT = 1 << 2;

/** Value to be written to the reset control register. */
const HARD_RESET = 6;
const CENTURY_REGISTER = 0x32;
/** Latencies that say there is no C2 and no C3. */
const NO_C2 = 0xfff;
const NO_C3 = 0xfff;

/** Fixed ACPI description table. */
function fadt(facs: number, dsdt: number): Uint8Array {
  const [revision, minor] = [6, 4];
  return table('FACP', revision, [
    ...u32(facs),
    ...u32(dsdt),
    // Interrupt model (reserved), power profile unspecified.
    ...[0, 0],
    ...u16(SCI_IRQ),
    // No SMI command port, and its four commands: the hardware is in ACPI mode.
    ...u32(0),
    ...zeros(4),
    ...u32(PM1A_EVENT_PORT),
    ...u32(0),
    ...u32(PM1A_CONTROL_PORT),
    ...u32(0),
    // PM2 control.
    ...u32(0),
    ...u32(PM_TIMER_PORT),
    // Neither general-purpose event block.
    ...zeros(8),
    ...[PM1A_EVENT_BYTES, PM1A_CONTROL_BYTES, 0, PM_TIMER_BYTES],
    // Lengths and base of general-purpose events, C-state command.
    ...zeros(4),
    ...u16(NO_C2),
    ...u16(NO_C3),
    // Flush size and stride, duty cycle, alarm registers of day and month.
    ...zeros(8),
    CENTURY_REGISTER,
    ...u16(LEGACY_DEVICES | VGA_NOT_PRESENT),
    0,
    ...u32(FEATURES),
    ...genericAddress(Space.IO, RESET_CONTROL_PORT, 8, 1),
    HARD_RESET,
    ...u16(0),
    minor,
    // The FACS has its 32-bit address alone, as the specification wants it.
    ...u64(0),
    ...u64(dsdt),
    ...genericAddress(Space.IO, PM1A_EVENT_PORT, 8 * PM1A_EVENT_BYTES, 2),
    ...NO_ADDRESS,
    ...genericAddress(Space.IO, PM1A_CONTROL_PORT, 8 * PM1A_CONTROL_BYTES, 2),
    ...NO_ADDRESS,
    ...NO_ADDRESS,
    ...genericAddress(Space.IO, PM_TIMER_PORT, 8 * PM_TIMER_BYTES, 3),
    // General-purpose events, sleep control and status, hypervisor.
    ...NO_ADDRESS,
    ...NO_ADDRESS,
    ...NO_ADDRESS,
    ...NO_ADDRESS,
    ...zeros(8),
  ]);
}

/** Interrupt controller structures of the MADT. */
const enum Madt {
  LOCAL_APIC = 0,
  IO_APIC = 1,
  SOURCE_OVERRIDE = 2,
  LOCAL_APIC_NMI = 4,
}
/** There are 8259s, too. */
const PCAT_COMPAT = 1;
const ENABLED = 1;
const ISA = 0;
const CONFORMING = 0;
const ACTIVE_HIGH_LEVEL = 0x0d;
const ALL_PROCESSORS = 0xff;

/** Multiple APIC description table. */
function madt(processors: number): Uint8Array {
  const locals = Array.from({ length: processors }, (_, id) => [Madt.LOCAL_APIC, 8, id, id, ...u32(ENABLED)]);
  const override = (irq: number, pin: number, flags: number): number[] => [
    ...[Madt.SOURCE_OVERRIDE, 10, ISA, irq],
    ...u32(pin),
    ...u16(flags),
  ];
  return table('APIC', 5, [
    ...u32(LOCAL_APIC_BASE),
    ...u32(PCAT_COMPAT),
    ...locals.flat(),
    ...[Madt.IO_APIC, 12, IO_APIC_ID, 0, ...u32(IO_APIC_BASE), ...u32(0)],
    ...override(0, PIT_PIN, CONFORMING),
    ...override(SCI_IRQ, SCI_IRQ, ACTIVE_HIGH_LEVEL),
    ...[Madt.LOCAL_APIC_NMI, 6, ALL_PROCESSORS, ...u16(CONFORMING), 1],
  ]);
}

/** Counter ticks below which a periodic interrupt may be lost: none are. */
const LEAST_TICKS = 128;

function hpet(): Uint8Array {
  return table('HPET', 1, [
    ...u32(HPET_HARDWARE_ID),
    ...genericAddress(Space.MEMORY, HPET_BASE, 64, 0),
    0,
    ...u16(LEAST_TICKS),
    0,
  ]);
}
