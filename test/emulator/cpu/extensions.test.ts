import assert from 'node:assert/strict';
import { Gpr } from '../../../emulator/isa/instruction';
import { gnuAssemble, haveGnuAs, machineWith } from '../engine/support';

describe('instructions of extensions', function () {
  before(function () {
    if (!haveGnuAs()) this.skip();
  });

  /** Vector of the exception that an instruction raises, or undefined. */
  function exception(source: string, cpu: string): number | undefined {
    const machine = machineWith(gnuAssemble(source), { cpu });
    for (let vector = 0; vector < 32; vector++) machine.stopOn.exceptions.add(vector);
    machine.state.gpr[Gpr.RBX] = 0x4000_0000n;
    machine.state.gpr[Gpr.RCX] = 0n;
    machine.state.gpr[Gpr.RDX] = 0n;
    const stop = machine.run(1);
    return stop.reason === 'exception' ? stop.vector : undefined;
  }

  it('are #UD on models that lack them', () => {
    for (const [source, feature] of [
      ['rdrand %eax', 'RDRAND'],
      ['rdseed %eax', 'RDSEED'],
      ['clflushopt (%rsp)', 'CLFLUSHOPT'],
      ['clwb (%rsp)', 'CLWB'],
      ['rdpid %rax', 'RDPID'],
    ]) {
      assert.equal(exception(source, `intel,+${feature}`), undefined, source);
      assert.equal(exception(source, `intel,-${feature}`), 6, source);
    }
    assert.equal(exception('rdpkru', 'intel,+PKU'), 6, 'CR4.PKE is clear');
    for (const source of ['xbegin .', 'xend', 'xtest', 'xabort $1', 'monitorx', 'mwaitx', 'rdpru']) {
      for (const cpu of ['intel', 'amd']) assert.equal(exception(source, cpu), 6, `${source} on ${cpu}`);
    }
  });

  it('prefetches never fault, cache line flushes do as a read would', () => {
    for (const source of ['prefetcht0 (%rbx)', 'prefetchnta (%rbx)', 'prefetchw (%rbx)', 'prefetchwt1 (%rbx)'])
      assert.equal(exception(source, 'intel'), undefined, source);
    for (const source of ['clflush (%rbx)', 'clflushopt (%rbx)', 'clwb (%rbx)'])
      assert.equal(exception(source, 'intel,+CLWB'), 14, source);
  });

  it('LOCK makes prefetches and flushes #UD', () => {
    for (const bytes of ['0x0f, 0x18, 0x0b', '0x0f, 0x0d, 0x0b', '0x0f, 0xae, 0x3b', '0x66, 0x0f, 0xae, 0x3b'])
      assert.equal(exception(`.byte 0xf0, ${bytes}`, 'intel'), 6, bytes);
    for (const bytes of ['0x0f, 0xc7, 0xf0', '0x0f, 0x01, 0xee', '0x0f, 0x01, 0xef'])
      assert.equal(exception(`.byte 0xf0, ${bytes}`, 'intel,+PKU'), 6, bytes);
  });

  it('RDRAND, RDSEED, RDPKRU and WRPKRU take no prefix of another instruction', () => {
    for (const bytes of ['0xf3, 0x0f, 0xc7, 0xf0', '0xf2, 0x0f, 0xc7, 0xf8', '0x66, 0x0f, 0x01, 0xee'])
      assert.equal(exception(`.byte ${bytes}`, 'intel,+PKU'), 6, bytes);
  });
});
