/**
 * An instruction with several reasons to raise an exception, one of them a null segment: which one it is (SDM vol. 3, table
 * 6-2; the order of #MF and #GP is that of the CPU oracle's processor).
 */
import assert from 'node:assert/strict';
import { type EngineStages, Seg } from '../../../emulator';
import type { Pc } from '../../../emulator/pc';
import { gnuAssemble, haveGnuAs, machineWith } from './support';

const [UD, NM, GP, MF] = [6, 7, 13, 16] as const;
const [TS, OSFXSR] = [8, 0x200] as const;
const UNUSABLE = 0x10000;
const ENGINES: readonly EngineStages[] = ['interpreter', 'compiled'];

/** Leaves an x87 exception pending: 0 / 0 with nothing masked. */
const PENDING = 'fninit\n push $0x300\n fldcw (%esp)\n fldz\n fldz\n fdivp';

/** Compatibility mode at CPL 0 with FS and ES null, about to execute `source` and then HLT. */
function nullSegments(source: string, engine: EngineStages): Pc {
  const machine = machineWith(gnuAssemble(`.code32\n${source}\n hlt`, 32), { cpu: 'intel', engine });
  const { state } = machine;
  state.cr4 |= OSFXSR;
  state.segments[Seg.CS].rights = 0xc09b;
  for (const segment of [Seg.FS, Seg.ES]) Object.assign(state.segments[segment], { selector: 0, rights: UNUSABLE });
  for (let vector = 0; vector < 32; vector++) machine.stopOn.exceptions.add(vector);
  return machine;
}

/** The vector it stops with, or `halt`. */
function end(machine: Pc): number | string {
  const stop = machine.run(1000);
  return stop.reason === 'exception' ? stop.vector : stop.reason;
}

describe('Order of exceptions', function () {
  this.timeout(20_000);
  before(function () {
    if (!haveGnuAs()) this.skip();
  });

  for (const engine of ENGINES) {
    it(`takes a pending x87 exception before a segment fault (${engine})`, function () {
      const expected = {
        'paddb %fs:(%eax), %mm0': MF,
        'movq %mm0, %fs:(%eax)': MF,
        'movd %fs:(%eax), %mm3': MF,
        'flds %fs:(%eax)': MF,
        'fistpl %fs:(%eax)': MF,
        'fldcw %fs:(%eax)': MF,
        'frstor %fs:(%eax)': MF,
        'fnstcw %fs:(%eax)': GP,
        'fnstenv %fs:(%eax)': GP,
        'fxsave %fs:(%eax)': GP,
        'addps %fs:(%eax), %xmm0': GP,
      };
      const found = Object.keys(expected).map((line) => [line, end(nullSegments(`${PENDING}\n ${line}`, engine))]);
      assert.deepEqual(Object.fromEntries(found), expected);
    });

    it(`finds its unit missing before a segment fault (${engine})`, function () {
      const expected = {
        'flds %fs:(%eax)': NM,
        'fnstcw %fs:(%eax)': NM,
        'fxrstor %fs:(%eax)': NM,
        'paddb %fs:(%eax), %mm0': NM,
        'addps %fs:(%eax), %xmm0': NM,
        // CR4.OSXSAVE is clear.
        'xsave %fs:(%eax)': UD,
        'ldmxcsr %fs:(%eax)': NM,
        'mov %fs:(%eax), %ebx': GP,
      };
      const found = Object.keys(expected).map((line) => {
        const machine = nullSegments(line, engine);
        machine.state.cr0 |= TS;
        return [line, end(machine)];
      });
      assert.deepEqual(Object.fromEntries(found), expected);
    });

    it(`asks no segment for what is not accessed (${engine})`, function () {
      assert.equal(end(nullSegments('xor %ecx, %ecx\n rep insb', engine)), 'halt');
      assert.equal(end(nullSegments('mov $1, %ecx\n rep insb', engine)), GP);
    });
  }
});
