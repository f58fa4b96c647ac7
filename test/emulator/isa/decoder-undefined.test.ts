/** Vector instructions the processor refuses: #UD comes before anything that is wrong with their operand. */
import assert from 'node:assert/strict';
import { Seg, Vector } from '../../../emulator';
import { decode } from '../../../emulator/isa/decoder';
import { haveGnuAs, machineFor, WAYS } from '../semantics/support';

const UNUSABLE = 0x10000;

/** All of them undefined without CR4.OSFXSR or CR4.OSXSAVE, or in every modelled processor. */
const SOURCES = [
  'addps %fs:(%eax), %xmm0',
  'movapd %xmm1, %fs:(%eax)',
  'pshufb %fs:(%eax), %xmm2',
  'gf2p8mulb %fs:(%eax), %xmm2',
  'vaddps %fs:(%eax), %ymm1, %ymm2',
  'vgatherdps %ymm0, %fs:(%eax, %ymm1, 4), %ymm2',
  'vfmadd132sd %fs:(%eax), %xmm1, %xmm2',
  'vaddps %fs:(%eax), %zmm1, %zmm2',
  'vpdpbusd %fs:(%eax), %xmm1, %xmm2',
];

describe('vector instructions that are not enabled', function () {
  before(function () {
    if (!haveGnuAs()) this.skip();
  });

  for (const source of SOURCES)
    it(`${source} raises #UD whatever is wrong with its operand`, () => {
      for (const go of Object.values(WAYS)) {
        const machine = machineFor(`nop\n${source}\nhlt`, 32);
        Object.assign(machine.state.segments[Seg.FS], { selector: 0, rights: UNUSABLE });
        const stop = go(machine);
        assert.equal(stop.reason, 'exception', source);
        assert.equal(stop.vector, Vector.UD, source);
      }
    });

  it('EVEX is undefined, and BOUND outside 64-bit mode', () => {
    const evex = Uint8Array.of(0x62, 0xf1, 0x7c, 0x48, 0x58, 0xc1);
    for (const mode of [16, 32, 64] as const) assert.equal(decode(evex, 0, 6, mode), 'undefined');
    assert.notEqual(decode(Uint8Array.of(0x62, 0x01), 0, 2, 32), 'undefined');
  });
});
