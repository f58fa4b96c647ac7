import assert from 'node:assert/strict';
import { SystemBus } from '../../../emulator/devices/system-bus';
import { COM1, Uart } from '../../../emulator/devices/uart';

const RBR = COM1;
const IER = COM1 + 1;
const IIR = COM1 + 2;
const LCR = COM1 + 3;
const MCR = COM1 + 4;
const LSR = COM1 + 5;
const MSR = COM1 + 6;
const SCR = COM1 + 7;

function setup() {
  const bus = new SystemBus();
  const sent: number[] = [];
  const lines: boolean[] = [];
  const uart = Uart.attach(bus, {
    transmit: (byte) => sent.push(byte),
    setInterrupt: (level) => {
      if (lines.at(-1) !== level) lines.push(level);
    },
  });
  return {
    uart,
    sent,
    lines,
    read: (port: number) => bus.readPort(port, 1),
    write: (port: number, value: number) => bus.writePort(port, 1, value),
  };
}

describe('16550A', () => {
  it('sends at once: THR and TEMT are always empty', () => {
    const { sent, read, write } = setup();
    write(RBR, 0x41);
    assert.deepEqual(sent, [0x41]);
    assert.equal(read(LSR), 0x60);
  });

  it('is told from its predecessors by the FIFO bits and the scratch register', () => {
    const { read, write } = setup();
    assert.equal(read(IIR), 0x01);
    write(IIR, 1);
    assert.equal(read(IIR), 0xc1);
    write(SCR, 0x5a);
    assert.equal(read(SCR), 0x5a);
  });

  it('shows the divisor latch with DLAB', () => {
    const { sent, read, write } = setup();
    write(LCR, 0x83);
    write(RBR, 0x01);
    write(IER, 0x02);
    assert.deepEqual([read(RBR), read(IER)], [1, 2]);
    write(LCR, 0x03);
    assert.equal(read(IER), 0);
    assert.deepEqual(sent, []);
  });

  it('loses no received byte, however many come', () => {
    const { uart, read, write } = setup();
    write(IIR, 1);
    const data = Uint8Array.from({ length: 100 }, (_, index) => index);
    uart.receive(data);
    const received: number[] = [];
    while (read(LSR) & 1) received.push(read(RBR));
    assert.deepEqual(received, [...data]);
  });

  it('interrupts by priority: received data, then transmitter empty', () => {
    const { uart, lines, read, write } = setup();
    write(MCR, 0x08);
    write(IER, 3);
    assert.equal(lines.at(-1), true);
    uart.receive(Uint8Array.of(1));
    assert.equal(read(IIR), 0x04);
    read(RBR);
    assert.equal(read(IIR), 0x02);
    assert.equal(read(IIR), 0x01, 'reading IIR ended it');
    assert.equal(lines.at(-1), false);
  });

  it('makes an edge for each byte sent', () => {
    const { lines, write } = setup();
    write(MCR, 0x08);
    write(IER, 2);
    lines.length = 0;
    write(RBR, 0x41);
    assert.deepEqual(lines, [false, true]);
  });

  it('waits for the trigger level, with the character timeout for fewer bytes', () => {
    const { uart, read, write } = setup();
    write(IIR, 0x81);
    write(IER, 1);
    uart.receive(new Uint8Array(7));
    assert.equal(read(IIR), 0xcc);
    uart.receive(new Uint8Array(1));
    assert.equal(read(IIR), 0xc4);
  });

  it('connects its interrupt only with OUT2', () => {
    const { lines, write } = setup();
    write(IER, 2);
    assert.notEqual(lines.at(-1), true);
    write(MCR, 0x08);
    assert.equal(lines.at(-1), true);
  });

  it('loops back data and modem lines', () => {
    const { sent, read, write } = setup();
    assert.equal(read(MSR), 0xb0);
    write(MCR, 0x1f);
    assert.equal(read(MSR) & 0xf0, 0xf0);
    write(MCR, 0x12);
    assert.equal(read(MSR) & 0xf0, 0x10);
    write(RBR, 0x77);
    assert.deepEqual(sent, []);
    assert.equal(read(RBR), 0x77);
  });

  it('reports an overrun in loop mode', () => {
    const { read, write } = setup();
    write(MCR, 0x10);
    write(RBR, 1);
    write(RBR, 2);
    assert.equal(read(LSR) & 3, 3);
    assert.equal(read(LSR) & 2, 0, 'reading clears it');
  });
});
