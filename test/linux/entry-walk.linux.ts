/** The first system call of a small kernel, instruction by instruction, against walks recorded with gdb on QEMU. */
import assert from 'node:assert/strict';
import { bootLinux, initialFileSystem } from '../../debug-adapter';
import { Gpr, type Machine, Seg } from '../../emulator';
import { type ElfFile } from '../../toolchain';
import { type RecordedStep, recordedWalk } from '../oracles/linux/entry-walk';
import { need } from './kernels';

const MOST_INSTRUCTIONS = 2_000_000_000;
/** gdb's names, in the order of `Gpr`. */
const GENERAL = [
  ...['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi'],
  ...['r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'],
];
/** What a C function may leave in any state (System V ABI). */
const CALLER_SAVED = new Set(['rax', 'rcx', 'rdx', 'rsi', 'rdi', 'r8', 'r9', 'r10', 'r11', 'eflags']);
/** Page-table isolation and process-context identifiers choose by these bits of CR3. */
const CR3_CHOICE = 0xfffn | (1n << 12n);
const THREAD_SIZE = 0x4000n;

/** The registers a walk records. */
function registersOf({ state }: Machine): Map<string, bigint> {
  return new Map([
    ...GENERAL.map((name, index): [string, bigint] => [name, state.gpr[index] ?? 0n]),
    ['eflags', BigInt(state.rflags)],
    ['cs', BigInt(state.segments[Seg.CS]?.selector ?? 0)],
    ['ss', BigInt(state.segments[Seg.SS]?.selector ?? 0)],
    ['fs_base', state.segments[Seg.FS]?.base ?? 0n],
    ['gs_base', state.segments[Seg.GS]?.base ?? 0n],
    ['k_gs_base', state.kernelGsBase],
    ['cr3', state.cr3],
  ]);
}

/** Ours for addresses the recorded kernel had elsewhere: its per-CPU area, page tables, stack, and the heap of the program. */
class Layout {
  private readonly moved = new Map<bigint, bigint>();
  private stack: { readonly recorded: bigint; readonly ours: bigint } | undefined;

  move(recorded: bigint, ours: bigint): void {
    this.moved.set(recorded, ours);
  }

  moveStack(recorded: bigint, ours: bigint): void {
    this.stack = { recorded, ours };
  }

  here(recorded: bigint): bigint {
    const { stack } = this;
    if (stack && recorded <= stack.recorded && recorded > stack.recorded - THREAD_SIZE) {
      return recorded - stack.recorded + stack.ours;
    }
    return this.moved.get(recorded) ?? recorded;
  }
}

class Walk {
  private readonly layout = new Layout();

  constructor(
    private readonly machine: Machine,
    private readonly vmlinux: ElfFile,
    private readonly recorded: readonly RecordedStep[],
  ) {}

  private addressOf(name: string): bigint {
    const symbol = this.vmlinux.symbols.find((each) => each.name === name);
    assert.ok(symbol, `${name} is no symbol of the kernel`);
    return symbol.value;
  }

  private get place(): string {
    const { rip } = this.machine.state;
    if (rip >> 63n === 0n) return 'user';
    const [name, address] = ['entry_SYSCALL_64', 'do_syscall_64']
      .map((symbol): [string, bigint] => [symbol, this.addressOf(symbol)])
      .reduce((best, each) => (each[1] <= rip && (best[1] > rip || each[1] > best[1]) ? each : best));
    return rip === address ? name : `${name}+${rip - address}`;
  }

  /** The program's registers become those of the recorded one, so that they can be told apart on their way. */
  private take(first: RecordedStep): void {
    const { state } = this.machine;
    GENERAL.forEach((name, index) => (state.gpr[index] = first.registers.get(name) ?? 0n));
    const ours = registersOf(this.machine);
    for (const name of ['k_gs_base', 'cr3']) this.layout.move(first.registers.get(name) ?? 0n, ours.get(name) ?? 0n);
    const [there, here] = [first.registers.get('cr3') ?? 0n, state.cr3];
    assert.equal(here & CR3_CHOICE, there & CR3_CHOICE, 'choice bits of CR3');
    for (const bits of [0n, 1n << 12n]) {
      this.layout.move((there & ~CR3_CHOICE) | bits, (here & ~CR3_CHOICE) | bits);
    }
  }

  private compare(step: RecordedStep, ours: ReadonlyMap<string, bigint>, free: ReadonlySet<string>): void {
    const differences = [...step.registers]
      .filter(([name, value]) => !free.has(name) && ours.get(name) !== this.layout.here(value))
      .map(([name, value]) => `${name} ${ours.get(name)?.toString(16)}, not ${this.layout.here(value).toString(16)}`);
    assert.deepEqual(differences, [], `at ${step.place}, ${step.instruction}`);
  }

  /** Compares the whole walk; the machine is at its first instruction. */
  follow(): void {
    const { machine, recorded } = this;
    let free: Set<string> = new Set();
    let before: RecordedStep | undefined;
    for (const step of recorded) {
      if (!before) this.take(step);
      else if (before.place === 'do_syscall_64') this.stepOut();
      else machine.step({ holdInterrupts: true });
      assert.equal(this.place, step.place, `after ${before?.instruction}`);
      const ours = registersOf(machine);
      if (/^mov %gs:.*,%rsp$/.test(before?.instruction ?? '')) this.tookStack(step, ours.get('rsp') ?? 0n);
      if (before?.place === 'do_syscall_64') free = new Set(CALLER_SAVED);
      // What C code left stays unknown until it is written again.
      else for (const name of step.changed) free.delete(name);
      if (before?.instruction === 'pop %rax') this.tookResult(step, ours);
      this.compare(step, ours, free);
      before = step;
    }
  }

  /** The kernel's stack of this thread; the other one, of the way out, is at the same address in every kernel. */
  private tookStack(step: RecordedStep, ours: bigint): void {
    const recorded = step.registers.get('rsp') ?? 0n;
    if (recorded === ours) return;
    assert.equal(ours % THREAD_SIZE, recorded % THREAD_SIZE, 'the top of a stack');
    this.layout.moveStack(recorded, ours);
  }

  /** brk returns where the program's heap begins, at random. */
  private tookResult(step: RecordedStep, ours: ReadonlyMap<string, bigint>): void {
    const result = ours.get('rax') ?? 0n;
    assert.ok(result > 0n && result % 0x1000n === 0n && result >> 47n === 0n, `brk returned ${result}`);
    this.layout.move(step.registers.get('rax') ?? 0n, result);
  }

  /** Runs to the return address of the function whose first instruction is next. */
  private stepOut(): void {
    const { machine } = this;
    const bytes = machine.readLinear(machine.state.gpr[Gpr.RSP] ?? 0n, 8);
    const back = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
    machine.addBreakpoint(back);
    const stop = machine.run(MOST_INSTRUCTIONS);
    machine.removeBreakpoint(back);
    assert.equal(stop.reason, 'breakpoint');
  }
}

describe('The entry walk', () => {
  for (const { walk, kernel: name, append } of [
    { walk: 'entry-walk-6.1', kernel: 'small', append: 'nopti' },
    { walk: 'entry-walk-6.1-pti', kernel: 'small', append: 'pti=on' },
    { walk: 'entry-walk-6.12', kernel: 'small-6.12', append: 'nopti' },
  ]) {
    it(`${walk}: every register after every instruction`, function () {
      const { kernel, busybox } = need(this, name);
      const initrd = initialFileSystem({ busybox });
      assert.ok(initrd);
      const { machine, vmlinux } = bootLinux({
        ...{ kernel, initrd, commandLine: `console=ttyS0 nokaslr retbleed=off ${append}`, cpu: 'amd' },
      });
      assert.ok(vmlinux);
      machine.stopOn.systemCallEntry = true;
      assert.equal(machine.run(MOST_INSTRUCTIONS).reason, 'system-call');
      machine.stopOn.systemCallEntry = false;
      new Walk(machine, vmlinux, recordedWalk(walk)).follow();
    });
  }
});
