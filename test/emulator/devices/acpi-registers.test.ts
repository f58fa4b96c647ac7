import assert from 'node:assert/strict';
import { AcpiRegisters } from '../../../emulator/devices/acpi-registers';
import { SystemBus } from '../../../emulator/devices/system-bus';
import { virtualTime } from './virtual-time';

const STATUS = 0x600;
const ENABLE = 0x602;
const CONTROL = 0x604;
const TIMER = 0x608;

function setup() {
  const time = virtualTime();
  const bus = new SystemBus();
  const events: string[] = [];
  let level = false;
  AcpiRegisters.attach(
    bus,
    time.clock,
    (now) => {
      level = now;
    },
    () => events.push('off'),
  );
  return { ...time, bus, events, sci: () => level };
}

describe('ACPI fixed hardware', () => {
  it('has a timer of 3.579545 MHz and 32 bits', () => {
    const { bus, pass } = setup();
    assert.equal(bus.readPort(TIMER, 4), 0);
    pass(1e9);
    assert.equal(bus.readPort(TIMER, 4), 3_579_545);
    assert.equal(bus.readPort(TIMER, 2), 3_579_545 & 0xffff);
    pass(1200e9);
    assert.equal(bus.readPort(TIMER, 4), (3_579_545 * 1201) % 2 ** 32);
  });

  it('interrupts when the top bit of the timer changes', () => {
    const { bus, pass, sci } = setup();
    bus.writePort(ENABLE, 2, 1);
    assert.equal(bus.readPort(ENABLE, 2), 1);
    pass(2_343_000_000);
    assert.equal(sci(), false);
    pass(1_000_000);
    assert.deepEqual([sci(), bus.readPort(STATUS, 2)], [true, 1]);
    bus.writePort(STATUS, 2, 1);
    assert.deepEqual([sci(), bus.readPort(STATUS, 2)], [false, 0]);
    pass(2_400_000_000);
    assert.equal(sci(), true);
  });

  it('is in ACPI mode, and goes off with SLP_TYP 5 and SLP_EN', () => {
    const { bus, events } = setup();
    assert.equal(bus.readPort(CONTROL, 2), 1);
    bus.writePort(CONTROL, 2, 5 << 10);
    assert.deepEqual([bus.readPort(CONTROL, 2), events.length], [(5 << 10) | 1, 0]);
    bus.writePort(CONTROL, 2, (1 << 10) | (1 << 13));
    assert.deepEqual(events, []);
    bus.writePort(CONTROL, 2, (5 << 10) | (1 << 13));
    assert.deepEqual(events, ['off']);
  });
});
