/** The samples on Ringside itself: its assembler and linker, its processor and devices. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { buildImage } from '../../debug-adapter/build';
import { CPU_MODELS, createMachine, Seg } from '../../emulator';
import { loadMultiboot } from '../../emulator/boot/multiboot';
import { samples } from './build';
import { faultingProgram, faults, programs, withoutAddresses } from './expected';

/** Instructions from the boot loader's jump to the first one in ring 3; F5 takes as long as they take. */
const BOOT_BUDGET = 200_000;
/** Far more than any sample needs. */
const RUN_BUDGET = 2_000_000;
const USER_CS = 0x33;

describe('samples on Ringside', function () {
  let kernel: Uint8Array;

  before(() => {
    kernel = buildImage(join(samples, 'kernel'), 'kernel', 'asm').image.bytes;
  });

  /** A machine about to execute the kernel's first instruction, with `source` as its program. */
  function boot(source: string, cpu: string): { machine: ReturnType<typeof createMachine>; terminal: () => string } {
    const { bytes } = buildImage(resolve(samples, source), 'program', 'asm').image;
    const output: number[] = [];
    const machine = createMachine({ memoryBytes: 64 << 20, cpu, serial: (byte) => output.push(byte) });
    loadMultiboot(machine.cpu, kernel, undefined, { modules: [{ bytes, string: source }] });
    return { machine, terminal: () => Buffer.from(output).toString('latin1') };
  }

  for (const [source, expected] of Object.entries(programs)) {
    it(`${source} prints what its README says`, () => {
      for (const cpu of Object.keys(CPU_MODELS)) {
        const { machine, terminal } = boot(source, cpu);
        assert.deepEqual(machine.run(RUN_BUDGET), { reason: 'exit', code: 1 }, cpu);
        assert.equal(withoutAddresses(terminal()), expected, cpu);
      }
    });
  }

  describe('a program that faults', () => {
    let folder: string;
    before(() => {
      folder = mkdtempSync(join(tmpdir(), 'ringside-faults-'));
    });
    after(() => {
      rmSync(folder, { recursive: true, force: true });
    });

    for (const { name, statement, signal, report } of faults) {
      it(`${name}: is reported and ends with status 128 + ${String(signal)}`, () => {
        const source = join(folder, 'fault.S');
        writeFileSync(source, faultingProgram(statement));
        const { machine, terminal } = boot(source, 'intel');
        assert.deepEqual(machine.run(RUN_BUDGET), { reason: 'exit', code: ((128 + signal) << 1) | 1 });
        assert.match(terminal(), report);
      });
    }
  });

  it(`reaches ring 3 in fewer than ${String(BOOT_BUDGET)} instructions`, () => {
    const { machine } = boot('hello-syscall/hello.S', 'intel');
    machine.addBreakpoint(0x401000n);
    assert.deepEqual(machine.run(BOOT_BUDGET), { reason: 'breakpoint', address: 0x401000n });
    assert.equal(machine.state.segments[Seg.CS]?.selector, USER_CS);
  });
});
