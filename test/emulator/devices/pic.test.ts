import assert from 'node:assert/strict';
import { Pic } from '../../../emulator/devices/pic';
import { SystemBus } from '../../../emulator/devices/system-bus';

function setup() {
  const bus = new SystemBus();
  const pic = Pic.attach(bus);
  const write = (port: number, ...values: number[]) => values.forEach((value) => bus.writePort(port, 1, value));
  // As Linux does: vectors 30h and 38h, ICW4 8086 mode.
  write(0x20, 0x11);
  write(0x21, 0x30, 0x04, 0x01, 0x00);
  write(0xa0, 0x11);
  write(0xa1, 0x38, 0x02, 0x01, 0x00);
  return { pic, write, read: (port: number) => bus.readPort(port, 1) };
}

const EOI = 0x20;

describe('8259A pair', () => {
  it('delivers by priority and holds lower ones back until EOI', () => {
    const { pic, write } = setup();
    pic.setLine(4, true);
    pic.setLine(1, true);
    assert.equal(pic.acknowledge(), 0x31);
    assert.equal(pic.interruptRequested, false);
    pic.setLine(0, true);
    assert.equal(pic.interruptRequested, true, 'a higher one interrupts');
    assert.equal(pic.acknowledge(), 0x30);
    write(0x20, EOI);
    assert.equal(pic.interruptRequested, false);
    write(0x20, EOI);
    assert.equal(pic.acknowledge(), 0x34);
  });

  it('cascades the slave through line 2', () => {
    const { pic, write, read } = setup();
    pic.setLine(8, true);
    assert.equal(pic.acknowledge(), 0x38);
    write(0x20, 0x0b);
    write(0xa0, 0x0b);
    assert.deepEqual([read(0x20), read(0xa0)], [0x04, 0x01]);
    pic.setLine(3, true);
    assert.equal(pic.interruptRequested, false, 'line 3 is below the slave');
    write(0xa0, EOI);
    write(0x20, EOI);
    assert.equal(pic.acknowledge(), 0x33);
  });

  it('delivers two slave interrupts one after the other', () => {
    const { pic, write } = setup();
    pic.setLine(10, true);
    pic.setLine(12, true);
    assert.equal(pic.acknowledge(), 0x3a);
    write(0xa0, EOI);
    write(0x20, EOI);
    assert.equal(pic.acknowledge(), 0x3c);
  });

  it('masks', () => {
    const { pic, write, read } = setup();
    write(0x21, 0xfd);
    pic.setLine(0, true);
    assert.equal(pic.interruptRequested, false);
    pic.setLine(1, true);
    assert.equal(pic.acknowledge(), 0x31);
    assert.equal(read(0x21), 0xfd);
    write(0x20, EOI);
    write(0x21, 0x00);
    assert.equal(pic.acknowledge(), 0x30, 'the request was kept');
  });

  it('an edge-triggered line must fall and rise again, a level-triggered one only stay', () => {
    const { pic, write } = setup();
    pic.setLine(1, true);
    pic.acknowledge();
    write(0x20, EOI);
    assert.equal(pic.interruptRequested, false);
    pic.setLine(1, false);
    pic.setLine(1, true);
    assert.equal(pic.acknowledge(), 0x31);
    write(0x20, EOI);
    write(0x4d0, 0x20);
    pic.setLine(5, true);
    assert.equal(pic.acknowledge(), 0x35);
    assert.equal(pic.interruptRequested, false, 'in service');
    write(0x20, EOI);
    assert.equal(pic.acknowledge(), 0x35);
  });

  it('a request that goes away becomes spurious: line 7, nothing in service', () => {
    const { pic, write, read } = setup();
    pic.setLine(3, true);
    pic.setLine(3, false);
    assert.equal(pic.acknowledge(), 0x37);
    write(0x20, 0x0b);
    assert.equal(read(0x20), 0);
  });

  it('takes specific and rotating end-of-interrupt commands', () => {
    const { pic, write } = setup();
    pic.setLine(3, true);
    pic.setLine(4, true);
    pic.acknowledge();
    write(0x20, 0x63);
    assert.equal(pic.acknowledge(), 0x34, 'specific EOI of 3');
    write(0x20, 0xa0);
    pic.setLine(4, false);
    pic.setLine(4, true);
    pic.setLine(5, true);
    assert.equal(pic.acknowledge(), 0x35, 'after rotation 4 is the lowest');
  });

  it('special mask mode lets lower lines in while the one in service is masked', () => {
    const { pic, write } = setup();
    pic.setLine(1, true);
    pic.acknowledge();
    pic.setLine(4, true);
    write(0x20, 0x68);
    write(0x21, 0x02);
    assert.equal(pic.acknowledge(), 0x34);
  });

  it('automatic EOI leaves nothing in service', () => {
    const { pic, write } = setup();
    write(0x20, 0x11);
    write(0x21, 0x30, 0x04, 0x03, 0x00);
    pic.setLine(1, true);
    pic.acknowledge();
    pic.setLine(4, true);
    assert.equal(pic.acknowledge(), 0x34);
  });

  it('polls', () => {
    const { pic, write, read } = setup();
    pic.setLine(6, true);
    write(0x20, 0x0c);
    assert.equal(read(0x20), 0x86);
    assert.equal(read(0x21), 0);
  });
});
