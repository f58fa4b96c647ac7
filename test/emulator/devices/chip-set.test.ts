import assert from 'node:assert/strict';
import { attachDebugConsole } from '../../../emulator/devices/debug-console';
import { PciHostBridge } from '../../../emulator/devices/pci-host-bridge';
import { ResetControl } from '../../../emulator/devices/reset-control';
import { SystemBus } from '../../../emulator/devices/system-bus';

const ADDRESS = 0xcf8;
const DATA = 0xcfc;

describe('PCI host bridge', () => {
  function setup() {
    const bus = new SystemBus();
    PciHostBridge.attach(bus);
    return { bus, select: (address: number) => bus.writePort(ADDRESS, 4, address) };
  }

  it('is the only function on the only bus', () => {
    const { bus, select } = setup();
    const found: string[] = [];
    for (let number = 0; number < 0x10000; number += 8) {
      select(0x80000000 + number * 0x100);
      const id = bus.readPort(DATA, 4);
      if (id !== 0xffffffff) found.push(`${number} ${id.toString(16)}`);
    }
    assert.deepEqual(found, ['0 12378086']);
    select(0x80000100);
    assert.equal(bus.readPort(DATA, 4), 0xffffffff, 'function 1');
  });

  it('shows its registers in bytes, words and double words', () => {
    const { bus, select } = setup();
    select(0x80000008);
    assert.equal(bus.readPort(ADDRESS, 4), 0x80000008);
    assert.deepEqual(
      [bus.readPort(DATA + 3, 1), bus.readPort(DATA + 2, 2), bus.readPort(DATA, 4)],
      [6, 0x600, 0x6000002],
    );
    select(8);
    assert.equal(bus.readPort(DATA, 4), 0xffffffff, 'not enabled');
  });

  it('keeps the writable command bits, and nothing else', () => {
    const { bus, select } = setup();
    select(0x80000000);
    bus.writePort(DATA, 4, 0);
    assert.equal(bus.readPort(DATA, 4), 0x12378086);
    select(0x80000004);
    bus.writePort(DATA, 4, 0xffffffff);
    assert.equal(bus.readPort(DATA, 4), 0x0147);
    bus.writePort(DATA, 1, 6);
    assert.equal(bus.readPort(DATA, 2), 0x0106);
  });

  it('takes its address register whole only', () => {
    const { bus, select } = setup();
    select(0x80000008);
    bus.writePort(ADDRESS, 1, 0);
    assert.equal(bus.readPort(ADDRESS, 4), 0x80000008);
    assert.equal(bus.readPort(ADDRESS, 2), 0xffff);
  });
});

describe('reset control', () => {
  function setup() {
    const bus = new SystemBus();
    const resets: number[] = [];
    ResetControl.attach(bus, () => resets.push(1));
    return { bus, resets: () => resets.splice(0).length };
  }

  it('resets by the keyboard controller’s pulse of line 0, which is all there is of it', () => {
    const { bus, resets } = setup();
    assert.deepEqual([bus.readPort(0x60, 1), bus.readPort(0x64, 1)], [0xff, 0xfd]);
    for (const command of [0x20, 0x60, 0xaa, 0xf1, 0xff]) bus.writePort(0x64, 1, command);
    assert.equal(resets(), 0);
    bus.writePort(0x64, 1, 0xfe);
    assert.equal(resets(), 1);
  });

  it('resets by port 92h, which has the A20 gate besides', () => {
    const { bus, resets } = setup();
    assert.equal(bus.readPort(0x92, 1), 2);
    bus.writePort(0x92, 1, 0);
    assert.deepEqual([bus.readPort(0x92, 1), resets()], [0, 0]);
    bus.writePort(0x92, 1, 1);
    assert.equal(resets(), 1);
  });

  it('resets by port CF9h', () => {
    const { bus, resets } = setup();
    bus.writePort(0xcf9, 1, 2);
    assert.deepEqual([bus.readPort(0xcf9, 1), resets()], [2, 0]);
    bus.writePort(0xcf9, 1, 6);
    assert.equal(resets(), 1);
  });

  it('leaves the PCI address register beside it alone', () => {
    const { bus, resets } = setup();
    PciHostBridge.attach(bus);
    bus.writePort(ADDRESS, 4, 0x80000400);
    assert.deepEqual([bus.readPort(ADDRESS, 4), resets()], [0x80000400, 0]);
  });
});

describe('debug console', () => {
  it('passes bytes on and says that it is there', () => {
    const bus = new SystemBus();
    let text = '';
    attachDebugConsole(bus, (byte) => {
      text += String.fromCharCode(byte);
    });
    assert.equal(bus.readPort(0xe9, 1), 0xe9);
    for (const character of 'ok') bus.writePort(0xe9, 1, character.charCodeAt(0));
    assert.equal(text, 'ok');
  });
});
