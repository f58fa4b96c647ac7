/** The differentiated system description: what is on the board that cannot be found out otherwise. */
import { SLEEP_TYPE_S5 } from '../devices/acpi-registers';
import { HPET_BASE } from '../devices/hpet';
import { RTC_IRQ } from '../devices/rtc';
import { COM1, COM1_IRQ } from '../devices/uart';
import {
  addressRange,
  type Aml,
  device,
  eisaId,
  fixedMemory,
  integer,
  irq,
  named,
  packageOf,
  ports,
  RangeType,
  resources,
  scope,
} from './aml';

/** Between the highest RAM and the IO-APIC. */
const PCI_MEMORY = { first: 0xc0000000, last: 0xfebfffff };

export function dsdtTerms(): Aml {
  return [
    ...scope(
      '\\_SB',
      device(
        'PCI0',
        named('_HID', eisaId('PNP0A03')),
        named('_UID', integer(0)),
        named(
          '_CRS',
          resources(
            addressRange(RangeType.BUS_NUMBERS, 0, 0xff),
            ports(0xcf8, 8),
            addressRange(RangeType.IO, 0, 0xcf7),
            addressRange(RangeType.IO, 0xd00, 0xffff),
            addressRange(RangeType.MEMORY, PCI_MEMORY.first, PCI_MEMORY.last),
          ),
        ),
      ),
      device('RTC', named('_HID', eisaId('PNP0B00')), named('_CRS', resources(ports(0x70, 2), irq(RTC_IRQ)))),
      device(
        'COM1',
        named('_HID', eisaId('PNP0501')),
        named('_UID', integer(1)),
        named('_CRS', resources(ports(COM1, 8), irq(COM1_IRQ))),
      ),
      device(
        'HPET',
        named('_HID', eisaId('PNP0103')),
        named('_UID', integer(0)),
        named('_CRS', resources(fixedMemory(HPET_BASE, 0x400))),
      ),
    ),
    ...named('\\_S5', packageOf(integer(SLEEP_TYPE_S5), integer(0), integer(0), integer(0))),
  ];
}
