import assert from 'node:assert/strict';
import { ApicBus, DeliveryMode, type InterruptMessage } from '../../../emulator/devices/apic-bus';
import { IoApic } from '../../../emulator/devices/io-apic';
import { SystemBus } from '../../../emulator/devices/system-bus';

const BASE = 0xfec00000;
const EOI = 0x40;
const LEVEL = 0x8000;
const MASKED = 0x10000;

function setup() {
  const apicBus = new ApicBus();
  const received: (InterruptMessage & { readonly processor: number })[] = [];
  for (const processor of [0, 1]) {
    apicBus.attach({
      isAddressed: ({ id, logical }) => (logical ? (id & (1 << processor)) !== 0 : id === processor),
      processorPriority: 0,
      accept: (message) => received.push({ ...message, processor }),
    });
  }
  const bus = new SystemBus();
  const ioApic = IoApic.attach(bus, apicBus);
  const select = (register: number) => bus.writeMemory(BASE, 4, BigInt(register));
  const write = (register: number, value: number) => {
    select(register);
    bus.writeMemory(BASE + 0x10, 4, BigInt(value >>> 0));
  };
  return {
    ...{ apicBus, bus, ioApic, received, write },
    read: (register: number) => {
      select(register);
      return Number(bus.readMemory(BASE + 0x10, 4));
    },
    /** Redirection entry of a pin. */
    redirect: (pin: number, low: number, destination = 0) => {
      write(0x11 + 2 * pin, destination << 24);
      write(0x10 + 2 * pin, low);
    },
    vectors: () => received.splice(0).map(({ vector }) => vector),
  };
}

describe('IO-APIC', () => {
  it('has 24 masked entries after reset', () => {
    const { read } = setup();
    assert.deepEqual([read(0), read(1), read(2)], [0, 0x170020, 0]);
    for (let pin = 0; pin < 24; pin++) assert.deepEqual([read(0x10 + 2 * pin), read(0x11 + 2 * pin)], [MASKED, 0]);
    assert.equal(read(0x40), 0, 'no entry 24');
  });

  it('keeps the writable bits of entries and identification', () => {
    const { read, write } = setup();
    write(0x12, 0xffffffff);
    write(0x13, 0xffffffff);
    assert.deepEqual([read(0x12), read(0x13)], [0x1afff, 0xff000000]);
    write(0, 0xffffffff);
    assert.equal(read(0), 0x0f000000);
  });

  it('sends one message for each edge, none while masked', () => {
    const { ioApic, redirect, received, vectors } = setup();
    ioApic.setPin(4, true);
    redirect(4, 0x34, 1);
    assert.deepEqual(vectors(), [], 'an edge that was masked is lost');
    ioApic.setPin(4, false);
    ioApic.setPin(4, true);
    ioApic.setPin(4, true);
    assert.deepEqual(received, [{ vector: 0x34, mode: DeliveryMode.FIXED, levelTriggered: false, processor: 1 }]);
    ioApic.setPin(4, false);
    ioApic.setPin(4, true);
    assert.deepEqual(vectors(), [0x34, 0x34]);
  });

  it('sends a level-triggered interrupt again after its end while it is asserted', () => {
    const { apicBus, bus, ioApic, read, redirect, vectors } = setup();
    ioApic.setPin(9, true);
    redirect(9, LEVEL | 0x59);
    assert.deepEqual(vectors(), [0x59], 'unmasking finds the level');
    assert.equal(read(0x10 + 18), LEVEL | 0x4059, 'remote IRR');
    apicBus.end(0x58);
    assert.deepEqual(vectors(), [], 'another vector');
    apicBus.end(0x59);
    assert.deepEqual(vectors(), [0x59]);
    ioApic.setPin(9, false);
    bus.writeMemory(BASE + EOI, 4, 0x59n);
    assert.equal(read(0x10 + 18), LEVEL | 0x59);
    assert.deepEqual(vectors(), []);
  });

  it('sends to logical destinations, and NMIs', () => {
    const { ioApic, received, redirect } = setup();
    redirect(7, 0x800 | (DeliveryMode.NMI << 8), 3);
    ioApic.setPin(7, true);
    assert.deepEqual(
      received.map(({ mode, processor }) => [mode, processor]),
      [
        [DeliveryMode.NMI, 0],
        [DeliveryMode.NMI, 1],
      ],
    );
  });
});
