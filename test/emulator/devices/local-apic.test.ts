import assert from 'node:assert/strict';
import { ApicBus, DeliveryMode } from '../../../emulator/devices/apic-bus';
import { LocalApic } from '../../../emulator/devices/local-apic';
import { ProcessorBus } from '../../../emulator/devices/processor-bus';
import { SystemBus } from '../../../emulator/devices/system-bus';
import { exceptionOf } from '../cpu/support';
import { virtualTime } from './virtual-time';

const PAGE = 0xfee00000;
const ID = 0x20;
const VERSION = 0x30;
const TPR = 0x80;
const PPR = 0xa0;
const EOI = 0xb0;
const LDR = 0xd0;
const DFR = 0xe0;
const SVR = 0xf0;
const ISR = 0x100;
const TMR = 0x180;
const IRR = 0x200;
const ESR = 0x280;
const ICR_LOW = 0x300;
const ICR_HIGH = 0x310;
const LVT_TIMER = 0x320;
const LVT_LINT0 = 0x350;
const LVT_LINT1 = 0x360;
const LVT_ERROR = 0x370;
const MASKED = 0x10000;

function setup(id = 0, apicBus = new ApicBus()) {
  const time = virtualTime();
  const acknowledged: string[] = [];
  const apic = new LocalApic({
    ...{ clock: time.clock, bus: apicBus, id, timestamp: () => BigInt(time.clock.now) },
    acknowledgeExternal: () => {
      acknowledged.push('8259');
      return 0x08;
    },
    initialize: () => acknowledged.push('INIT'),
  });
  const bus = new ProcessorBus(new SystemBus(), apic);
  return {
    ...{ apic, apicBus, time, acknowledged },
    read: (register: number) => Number(bus.readMemory(PAGE + register, 4)),
    write: (register: number, value: number) => bus.writeMemory(PAGE + register, 4, BigInt(value >>> 0)),
  };
}

/** One that software has enabled. */
function enabled(id?: number, apicBus?: ApicBus) {
  const machine = setup(id, apicBus);
  machine.write(SVR, 0x1ff);
  return machine;
}

const fixed = (vector: number, levelTriggered = false) => ({ vector, mode: DeliveryMode.FIXED, levelTriggered });

describe('local APIC', () => {
  it('has the state the manual gives after reset', () => {
    const { read } = setup(3);
    const registers = [ID, VERSION, TPR, PPR, LDR, DFR, SVR, ESR, ICR_LOW, ICR_HIGH];
    assert.deepEqual(registers.map(read), [3 << 24, 0x50014, 0, 0, 0, 0xffffffff, 0xff, 0, 0, 0]);
    for (let register = LVT_TIMER; register <= LVT_ERROR; register += 0x10) assert.equal(read(register), MASKED);
  });

  it('hands over interrupts by priority, and holds back those of the class in service', () => {
    const { apic, read, write } = enabled();
    for (const vector of [0x31, 0x45, 0x38]) apic.accept(fixed(vector));
    assert.equal(read(IRR + 0x10), (1 << 0x11) | (1 << 0x18));
    assert.equal(apic.acknowledge(), 0x45);
    assert.deepEqual([read(ISR + 0x20), read(PPR)], [1 << 5, 0x40]);
    assert.equal(apic.interruptRequested, false);
    apic.accept(fixed(0x4f));
    assert.equal(apic.interruptRequested, false, 'the same class waits');
    apic.accept(fixed(0x50));
    assert.equal(apic.acknowledge(), 0x50);
    write(EOI, 0);
    assert.equal(read(PPR), 0x40);
    write(EOI, 0);
    assert.equal(apic.acknowledge(), 0x4f);
    write(EOI, 0);
    assert.equal(apic.acknowledge(), 0x38);
    assert.equal(apic.interruptRequested, false, '31h is of the same class');
    write(EOI, 0);
    assert.equal(apic.acknowledge(), 0x31);
  });

  it('lets the task priority hold back its class and those below', () => {
    const { apic, read, write } = enabled();
    write(TPR, 0x5f);
    apic.accept(fixed(0x58));
    assert.equal(apic.interruptRequested, false);
    assert.equal(read(PPR), 0x5f);
    apic.accept(fixed(0x60));
    assert.equal(apic.interruptRequested, true);
    apic.taskPriority = 0x60;
    assert.equal(apic.acknowledge(), 0xff, 'the spurious vector, not in service');
    assert.equal(read(ISR + 0x70), 0);
    assert.equal(read(TPR), 0x60);
    write(TPR, 0);
    assert.equal(apic.acknowledge(), 0x60);
  });

  it('takes no fixed interrupts and masks its entries while software disables it', () => {
    const { apic, read, write } = enabled();
    write(LVT_TIMER, 0x30);
    assert.equal(read(LVT_TIMER), 0x30);
    write(SVR, 0xff);
    assert.equal(read(LVT_TIMER), MASKED | 0x30);
    write(LVT_TIMER, 0x31);
    assert.equal(read(LVT_TIMER), MASKED | 0x31);
    apic.accept(fixed(0x40));
    assert.equal(apic.interruptRequested, false);
    apic.accept({ vector: 0, mode: DeliveryMode.NMI, levelTriggered: false });
    assert.equal(apic.nmiPending, true);
  });

  it('tells the IO-APICs of the end of level-triggered interrupts only', () => {
    const { apic, apicBus, read, write } = enabled();
    const ended: number[] = [];
    apicBus.onEnd((vector) => ended.push(vector));
    apic.accept(fixed(0x30));
    apic.accept(fixed(0x41, true));
    assert.equal(read(TMR + 0x20), 2);
    apic.acknowledge();
    write(EOI, 0);
    assert.deepEqual(ended, [0x41]);
    apic.acknowledge();
    write(EOI, 0);
    assert.deepEqual(ended, [0x41]);
  });

  it('sends to itself, to others, and to nobody', () => {
    const one = enabled(0);
    const two = enabled(1, one.apicBus);
    const requests = () => [one.read(IRR + 0x20), two.read(IRR + 0x20)];
    one.write(ICR_LOW, 0x40041);
    assert.deepEqual(requests(), [2, 0], 'self');
    one.write(ICR_LOW, 0xc0042);
    assert.deepEqual(requests(), [2, 4], 'all but self');
    one.write(ICR_LOW, 0x80043);
    assert.deepEqual(requests(), [2 + 8, 4 + 8], 'all');
    one.write(ICR_HIGH, 1 << 24);
    one.write(ICR_LOW, 0x44);
    assert.deepEqual(requests(), [10, 12 + 16], 'by number');
    one.write(ICR_HIGH, 7 << 24);
    one.write(ICR_LOW, 0x4500);
    one.write(ICR_LOW, 0x0608);
    assert.deepEqual(requests(), [10, 28], 'INIT and start-up for an absent processor');
    assert.deepEqual(two.acknowledged, []);
    assert.equal(one.read(ICR_LOW) & 0x1000, 0, 'delivery is never pending');
    one.write(ICR_HIGH, 1 << 24);
    one.write(ICR_LOW, 0x4500);
    assert.deepEqual(two.acknowledged, ['INIT']);
  });

  it('knows flat and cluster logical destinations', () => {
    const { apic, write } = enabled();
    const to = (id: number) => apic.isAddressed({ id, logical: true });
    write(LDR, 0x24000000);
    assert.deepEqual([to(0x04), to(0x20), to(0x03), to(0xff)], [true, true, false, true]);
    write(DFR, 0);
    assert.deepEqual([to(0x24), to(0x26), to(0x34), to(0x22)], [true, true, false, false]);
    assert.equal(apic.isAddressed({ id: 0xff, logical: false }), true);
    assert.equal(apic.isAddressed({ id: 1, logical: false }), false);
  });

  it('gives lowest-priority messages to the least busy processor', () => {
    const one = enabled(0);
    const two = enabled(1, one.apicBus);
    one.write(TPR, 0x20);
    one.apicBus.send(
      { vector: 0x50, mode: DeliveryMode.LOWEST_PRIORITY, levelTriggered: false },
      { id: 0xff, logical: false },
    );
    assert.deepEqual([one.apic.interruptRequested, two.apic.interruptRequested], [false, true]);
  });

  it('reports illegal vectors and registers, and interrupts through its error entry', () => {
    const { apic, read, write } = enabled();
    write(LVT_ERROR, 0xfe);
    write(ICR_LOW, 0x4000f);
    assert.equal(read(ESR), 0, 'shown only after a write');
    write(ESR, 0);
    assert.equal(read(ESR), 0x20);
    assert.equal(apic.acknowledge(), 0xfe);
    read(0x40);
    apic.accept(fixed(0x0f));
    write(ESR, 0);
    assert.equal(read(ESR), 0xc0);
    write(ESR, 0);
    assert.equal(read(ESR), 0);
  });

  it('lets the 8259s through LINT0 in virtual wire mode', () => {
    const { apic, acknowledged, write } = setup();
    apic.setPin(0, true);
    assert.equal(apic.interruptRequested, false, 'masked after reset');
    apic.enterVirtualWireMode();
    assert.equal(apic.interruptRequested, true);
    assert.equal(apic.acknowledge(), 0x08);
    assert.deepEqual(acknowledged, ['8259']);
    apic.accept(fixed(0x30));
    assert.equal(apic.acknowledge(), 0x30);
    write(LVT_LINT0, MASKED | 0x700);
    assert.equal(apic.interruptRequested, false);
    apic.setBase(0xfee00100n);
    assert.equal(apic.interruptRequested, true, 'without an APIC the pin is INTR');
  });

  it('makes NMIs and level-triggered interrupts of its pins', () => {
    const { apic, read, write } = enabled();
    write(LVT_LINT1, 0x400);
    apic.setPin(1, true);
    assert.equal(apic.nmiPending, true);
    apic.nmiPending = false;
    write(LVT_LINT1, 0x8060);
    assert.equal(read(LVT_LINT1), 0xc060, 'remote IRR');
    assert.equal(apic.acknowledge(), 0x60);
    write(EOI, 0);
    assert.equal(apic.acknowledge(), 0x60, 'still asserted');
    apic.setPin(1, false);
    write(EOI, 0);
    assert.equal(read(LVT_LINT1), 0x8060);
    assert.equal(apic.interruptRequested, false);
  });

  it('moves with IA32_APIC_BASE, and goes away with its enable bit', () => {
    const { apic, read, write } = enabled();
    apic.setBase(0xfef00900n);
    assert.equal(read(VERSION), 0xffffffff);
    apic.setBase(0xfee00100n);
    assert.equal(read(VERSION), 0xffffffff);
    apic.setBase(0xfee00900n);
    assert.equal(read(SVR), 0xff, 'as after reset');
    write(SVR, 0x1ff);
  });
});

describe('x2APIC mode', () => {
  const X2APIC = 0xfee00d00n;
  const refused = (action: () => void) => exceptionOf(action) === '13(0)';

  it('has its registers in MSRs, not in memory', () => {
    const { apic, read } = enabled(0x25);
    assert.ok(refused(() => apic.readMsr(0x02)));
    apic.setBase(X2APIC);
    assert.equal(read(VERSION), 0xffffffff);
    assert.equal(apic.readMsr(0x02), 0x25n);
    assert.equal(apic.readMsr(0x0d), 0x20020n);
    assert.equal(apic.readMsr(0x0f), 0x1ffn);
  });

  it('refuses reserved bits, read-only and missing registers', () => {
    const { apic } = enabled();
    apic.setBase(X2APIC);
    for (const index of [0x02, 0x03, 0x0a, 0x0d, 0x10, 0x20, 0x39, 0x0e, 0x31, 0x04]) {
      assert.ok(
        refused(() => apic.writeMsr(index, 0n)),
        index.toString(16),
      );
    }
    for (const index of [0x0b, 0x3f, 0x0e, 0x31, 0x04]) assert.ok(refused(() => apic.readMsr(index)));
    for (const [index, value] of [
      [0x08, 0x100n],
      [0x0b, 1n],
      [0x28, 1n],
      [0x32, 0x80000n << 4n],
      [0x0f, 1n << 32n],
      [0x3f, 0x100n],
    ] as const) {
      assert.ok(
        refused(() => apic.writeMsr(index, value)),
        index.toString(16),
      );
    }
  });

  it('sends with one write of 64 bits, and to itself by SELF_IPI', () => {
    const one = enabled(0);
    const two = enabled(0x101, one.apicBus);
    one.apic.setBase(X2APIC);
    two.apic.setBase(X2APIC);
    one.apic.writeMsr(0x30, (0x101n << 32n) | 0x44n);
    assert.deepEqual([one.apic.readMsr(0x22), two.apic.readMsr(0x22)], [0n, 0x10n]);
    assert.equal(one.apic.readMsr(0x30), 0x10100000044n);
    one.apic.writeMsr(0x30, (0x100002n << 32n) | 0x845n);
    assert.equal(two.apic.readMsr(0x22), 0x30n, 'cluster 10h, processor 1');
    one.apic.writeMsr(0x3f, 0x46n);
    assert.equal(one.apic.acknowledge(), 0x46);
    one.apic.writeMsr(0x0b, 0n);
    assert.equal(one.apic.readMsr(0x12), 0n);
  });
});
