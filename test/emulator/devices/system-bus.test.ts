import assert from 'node:assert/strict';
import { Clock } from '../../../emulator/clock';
import { DebugExit } from '../../../emulator/devices/debug-exit';
import { PostCode } from '../../../emulator/devices/post-code';
import { Rtc } from '../../../emulator/devices/rtc';
import { SystemBus } from '../../../emulator/devices/system-bus';

describe('bus', () => {
  it('reads all ones where nothing is and swallows writes', () => {
    const bus = new SystemBus();
    assert.deepEqual(
      [bus.readPort(0x1234, 1), bus.readPort(0x1234, 2), bus.readPort(0x1234, 4)],
      [0xff, 0xffff, 0xffffffff],
    );
    assert.equal(bus.readMemory(0xfee00000, 8), 0xffffffffffffffffn);
    bus.writePort(0x1234, 4, 1);
    bus.writeMemory(0xfee00000, 4, 1n);
  });

  it('splits wide accesses to byte devices over consecutive ports', () => {
    const bus = new SystemBus();
    const log: string[] = [];
    bus.claimPorts(0x10, 0x11, {
      widest: 1,
      read: (port) => port,
      write: (port, _size, value) => log.push(`${port.toString(16)}=${value.toString(16)}`),
    });
    assert.equal(bus.readPort(0x10, 2), 0x1110);
    assert.equal(bus.readPort(0x10, 4), 0xffff1110);
    bus.writePort(0x10, 4, 0x44332211);
    assert.deepEqual(log, ['10=11', '11=22']);
  });

  it('hands memory windows offsets; a later claim wins', () => {
    const bus = new SystemBus();
    const device = (tag: bigint) => ({ read: (offset: number) => tag + BigInt(offset), write: () => {} });
    bus.claimMemory(0x1000, 0x1000, device(0x100n));
    bus.claimMemory(0x1800, 0x10, device(0x200n));
    assert.equal(bus.readMemory(0x1004, 4), 0x104n);
    assert.equal(bus.readMemory(0x1804, 4), 0x204n);
  });
});

describe('small devices', () => {
  it('debug exit gives (value << 1) | 1', () => {
    const bus = new SystemBus();
    const codes: number[] = [];
    DebugExit.attach(bus, (code) => codes.push(code));
    bus.writePort(0xf4, 1, 0);
    bus.writePort(0xf4, 4, 21);
    assert.deepEqual(codes, [1, 43]);
  });

  it('port 80h keeps the last code', () => {
    const bus = new SystemBus();
    const post = PostCode.attach(bus);
    bus.writePort(0x80, 1, 0x42);
    assert.equal(post.code, 0x42);
  });

  it('the RTC tells virtual time in BCD, or binary if asked', () => {
    const bus = new SystemBus();
    let now = 0;
    Rtc.attach(bus, new Clock(() => now), Date.UTC(2024, 1, 28, 23, 59, 58) / 1000);
    const read = (register: number) => {
      bus.writePort(0x70, 1, register);
      return bus.readPort(0x71, 1);
    };
    now = 3e9;
    assert.deepEqual([0, 2, 4, 6, 7, 8, 9, 0x32].map(read), [0x01, 0x00, 0x00, 0x05, 0x29, 0x02, 0x24, 0x20]);
    bus.writePort(0x70, 1, 0x0b);
    bus.writePort(0x71, 1, 0x06);
    assert.equal(read(7), 29);
    assert.equal(read(0x0a) & 0x80, 0, 'no update in progress');
  });
});
