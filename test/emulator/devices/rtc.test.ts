import assert from 'node:assert/strict';
import { Rtc } from '../../../emulator/devices/rtc';
import { SystemBus } from '../../../emulator/devices/system-bus';
import { virtualTime } from './virtual-time';

const START = Date.UTC(2024, 1, 28, 23, 59, 58) / 1000;
const A = 0x0a;
const B = 0x0b;
const C = 0x0c;
const HOURS_24 = 0x02;
const UPDATE = 0x10;
const ALARM = 0x20;
const PERIODIC = 0x40;
const SET = 0x80;
const SECOND = 1e9;

function setup(memoryBytes = 64 << 20) {
  const time = virtualTime();
  const bus = new SystemBus();
  let level = false;
  const rises: number[] = [];
  Rtc.attach(bus, time.clock, START, {
    memoryBytes,
    setInterrupt: (now) => {
      if (now && !level) rises.push(time.clock.now);
      level = now;
    },
  });
  const select = (register: number) => bus.writePort(0x70, 1, register);
  return {
    ...{ pass: time.pass, rises, irq: () => level },
    read: (register: number) => {
      select(register);
      return bus.readPort(0x71, 1);
    },
    write: (register: number, value: number) => {
      select(register);
      bus.writePort(0x71, 1, value);
    },
  };
}

describe('real-time clock', () => {
  it('interrupts at the rate of register A until C is read', () => {
    const { irq, pass, read, rises, write } = setup();
    write(A, 0x26);
    write(B, HOURS_24 | PERIODIC);
    pass(10e6);
    assert.deepEqual(rises, [976_563], '1024 Hz, one interrupt while nobody reads C');
    assert.equal(read(C), 0xc0);
    assert.deepEqual([irq(), read(C)], [false, 0]);
    for (let i = 0; i < 32; i++) {
      pass(SECOND / 1024);
      read(C);
    }
    assert.ok(rises.length >= 32);
    write(A, 0x20);
    read(C);
    pass(SECOND / 2);
    assert.equal(irq(), false, 'rate 0');
  });

  it('interrupts after each update, and warns of it', () => {
    const { pass, read, rises, write } = setup();
    write(B, HOURS_24 | UPDATE);
    pass(SECOND - 200_000);
    assert.equal(read(A) & 0x80, 0x80);
    pass(200_000);
    assert.deepEqual([read(A) & 0x80, rises], [0, [SECOND]]);
    // The periodic flag comes up, too: only its interrupt is off.
    assert.equal(read(C), 0x80 | UPDATE | PERIODIC);
    pass(SECOND);
    assert.deepEqual(rises, [SECOND, 2 * SECOND]);
  });

  it('interrupts at the time of the alarm', () => {
    const { pass, read, rises, write } = setup();
    write(0x05, 0x00);
    write(0x03, 0xff);
    write(0x01, 0x01);
    write(B, HOURS_24 | ALARM);
    pass(10 * SECOND);
    assert.deepEqual(rises, [3 * SECOND], 'at 00:00:01');
    assert.equal(read(C) & (0x80 | ALARM), 0x80 | ALARM);
  });

  it('can be set', () => {
    const { pass, read, write } = setup();
    write(B, SET | HOURS_24);
    pass(5 * SECOND);
    assert.equal(read(0), 0x58, 'stands still');
    const time = [0x59, 0x59, 0x23, 0x31, 0x12, 0x99];
    [0, 2, 4, 7, 8, 9].forEach((register, i) => write(register, time[i]));
    write(0x32, 0x19);
    write(B, HOURS_24);
    pass(2 * SECOND);
    assert.deepEqual([0, 2, 4, 7, 8, 9, 0x32].map(read), [0x01, 0, 0, 0x01, 0x01, 0x00, 0x20]);
  });

  it('has twelve-hour and binary time', () => {
    const { pass, read, write } = setup();
    write(B, 0x04);
    assert.equal(read(4), 0x80 | 11);
    pass(2 * SECOND);
    assert.equal(read(4), 12);
    write(4, 0x80 | 1);
    assert.equal(read(4), 0x80 | 1);
    write(B, 0x04 | HOURS_24);
    assert.equal(read(4), 13);
  });

  it('knows how much memory there is', () => {
    const sizes = (memoryBytes: number) => {
      const { read } = setup(memoryBytes);
      return [0x15, 0x17, 0x30, 0x34].map((register) => read(register) | (read(register + 1) << 8));
    };
    assert.deepEqual(sizes(32 << 20), [640, 31 << 10, 31 << 10, 256]);
    assert.deepEqual(sizes(1 << 30), [640, 0xffff, 0xffff, 1008 * 16]);
  });
});
