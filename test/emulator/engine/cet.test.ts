import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeMsr } from '../../../emulator';
import type { Pc } from '../../../emulator/pc';
import { CODE, gnuAssemble, haveGnuAs, machineWith } from './support';

const CPU = 'intel,+cet_ss,+cet_ibt';
const CR4_CET = 1 << 23;
const S_CET = 0x6a2;
const [SH_STK_EN, ENDBR_EN, LEG_IW_EN, NO_TRACK_EN, SUPPRESS, TRACKER] = [1n, 4n, 8n, 0x10n, 0x400n, 0x800n];
const CONTROL_PROTECTION = 21;

/** 2 MiB pages that are shadow stacks. */
const KERNEL_SHADOW = 0x400000;
const USER_SHADOW = 0x600000;
const DIRECTORY = 0x3000;
/** Present, accessed, dirty, large; not writable. */
const SHADOW_PAGE = 0xe1n;
const USER = 4n;

function cetMachine(code: Uint8Array, controls: bigint, engine: 'tiered' | 'interpreter' = 'tiered'): Pc {
  const machine = machineWith(code, { cpu: CPU, engine });
  const { memory, state } = machine;
  memory.writeU64(DIRECTORY + (KERNEL_SHADOW >> 21) * 8, BigInt(KERNEL_SHADOW) | SHADOW_PAGE);
  memory.writeU64(DIRECTORY + (USER_SHADOW >> 21) * 8, BigInt(USER_SHADOW) | SHADOW_PAGE | USER);
  state.cr4 |= CR4_CET;
  writeMsr(machine.cpu, S_CET, controls);
  state.cet.ssp = BigInt(KERNEL_SHADOW + 0x1000);
  machine.stopOn.exceptions = new Set([...Array(32).keys()]);
  return machine;
}

/** Runs `source` at CPL 0 until an exception or HLT. */
function run(source: string, controls: bigint, prepare: (machine: Pc) => void = () => {}): Pc & { ended: string } {
  const machine = cetMachine(gnuAssemble(source), controls);
  prepare(machine);
  const stop = machine.run(1000);
  const code = stop.reason === 'exception' && stop.errorCode !== undefined ? `(${stop.errorCode})` : '';
  const ended = stop.reason === 'exception' ? `${stop.vector}${code}` : stop.reason;
  return Object.assign(machine, { ended });
}

const CALL = 'lea target(%rip), %rax; call *%rax; hlt; .balign 16; target: ';
const JUMP = 'lea target(%rip), %rax; jmp *%rax; hlt; .balign 16; target: ';

describe('Indirect branch tracking', function () {
  before(function () {
    if (!haveGnuAs()) this.skip();
  });

  it('lets indirect branches go to ENDBR64', () => {
    for (const source of [`${CALL} endbr64; ret`, `${JUMP} endbr64; hlt`]) {
      const machine = run(source, ENDBR_EN);
      assert.equal(machine.ended, 'halt', source);
      assert.equal(machine.state.cet.supervisor, ENDBR_EN);
    }
  });

  it('stops others with #CP(3), at the target', () => {
    for (const [source, target] of [
      [`${CALL} nop; ret`, 0x10n],
      [`${JUMP} nop; hlt`, 0x10n],
      [`${JUMP} endbr32; hlt`, 0x10n],
      ['lea 1f(%rip), %rax; push %rax; jmp *(%rsp); .balign 16; 1: nop', 0x10n],
      ['jmp *1f(%rip); .balign 8; 1: .quad 0x100018; .balign 8; 2: nop', 0x18n],
    ] as const) {
      const machine = run(source, ENDBR_EN);
      assert.equal(machine.ended, `${CONTROL_PROTECTION}(3)`, source);
      assert.equal(machine.state.rip, BigInt(CODE) + target);
      assert.equal(machine.state.cet.supervisor, ENDBR_EN | TRACKER);
    }
  });

  it('does not concern direct branches and RET', () => {
    const source = 'call 1f; lea 2f(%rip), %rax; push %rax; ret; 1: ret; 2: hlt';
    assert.equal(run(source, ENDBR_EN).ended, 'halt');
  });

  it('is left alone by the no-track prefix if that counts', () => {
    const source = 'lea target(%rip), %rax; notrack jmp *%rax; .balign 16; target: hlt';
    assert.equal(run(source, ENDBR_EN | NO_TRACK_EN).ended, 'halt');
    assert.equal(run(source, ENDBR_EN).ended, '21(3)');
  });

  it('is checked before the instruction is decoded, but after it is fetched', () => {
    assert.equal(run(`${JUMP} ud2`, ENDBR_EN).ended, '21(3)');
    assert.equal(run(`${JUMP} .byte 0x0f, 0x04`, ENDBR_EN).ended, '21(3)');
    const unmapped = run('mov $0x40000000, %eax; jmp *%rax', ENDBR_EN);
    assert.equal(unmapped.ended, '14(0)');
    assert.equal(unmapped.state.cet.supervisor, ENDBR_EN | TRACKER, 'still waiting');
  });

  it('accepts the INT3 of a debugger', () => {
    const machine = run(`${JUMP} int3`, ENDBR_EN, ({ stopOn }) => stopOn.exceptions.clear());
    assert.equal(machine.ended, 'shutdown', 'no IDT: what comes is #BP');
  });

  it('does nothing while it is suppressed, until an ENDBR64', () => {
    const suppressed = run(`${JUMP} hlt`, ENDBR_EN | SUPPRESS);
    assert.equal(suppressed.ended, 'halt');
    const source = `endbr64; ${JUMP} nop`;
    assert.equal(run(source, ENDBR_EN | SUPPRESS).ended, '21(3)');
  });

  it('exempts pages that the bitmap marks, and is suppressed from then on', () => {
    const bitmap = 0x800000;
    const mark = (bits: number) => (machine: Pc) => {
      machine.memory.writeU8(bitmap + (CODE >> 15), bits);
    };
    const controls = ENDBR_EN | LEG_IW_EN | BigInt(bitmap);
    const marked = run(`${JUMP} nop; lea 1f(%rip), %rax; jmp *%rax; 1: hlt`, controls, mark(1));
    assert.equal(marked.ended, 'halt');
    assert.equal(marked.state.cet.supervisor, controls | SUPPRESS);
    assert.equal(run(`${JUMP} nop`, controls, mark(0xfe)).ended, '21(3)');
  });

  it('holds in single steps as well', () => {
    const machine = cetMachine(gnuAssemble(`${CALL} endbr64; inc %rcx; ret`), ENDBR_EN | SH_STK_EN);
    const steps: bigint[] = [];
    for (let i = 0; i < 5; i++) {
      assert.equal(machine.step().stop.reason, 'limit');
      steps.push(machine.state.rip - BigInt(CODE));
    }
    assert.deepEqual(steps, [7n, 0x10n, 0x14n, 0x17n, 9n]);
    assert.equal(machine.instructionCount, 5);
  });
});

/** Calls, returns and indirect branches many times over; RCX counts down. */
const HOT = `
    mov $20000, %ecx
    lea table(%rip), %rbx
1:  mov %ecx, %eax
    and $1, %eax
    lea one(%rip), %rdx
    lea two(%rip), %rsi
    test %eax, %eax
    cmovz %rsi, %rdx
    call *%rdx
    call three
    dec %ecx
    jnz 1b
    hlt
one: endbr64
    add $3, %rdi
    ret
two: endbr64
    add $5, %rdi
    jmp four
three:
    rdsspq %r8
    add %r8, %r9
    ret
four:
    ret
table:
`;

describe('Control-flow enforcement', function () {
  before(function () {
    if (!haveGnuAs()) this.skip();
  });

  it('gives the same state in the interpreter and compiled', () => {
    const [compiled, interpreted] = (['tiered', 'interpreter'] as const).map((engine) => {
      const machine = cetMachine(gnuAssemble(HOT), SH_STK_EN | ENDBR_EN, engine);
      assert.equal(machine.run(1e7).reason, 'halt');
      return machine;
    });
    assert.deepEqual([...compiled.state.gpr], [...interpreted.state.gpr]);
    assert.equal(compiled.instructionCount, interpreted.instructionCount);
    assert.equal(compiled.state.gpr[7], 80000n);
    assert.equal(compiled.state.cet.ssp, BigInt(KERNEL_SHADOW + 0x1000));
  });

  it('can be turned on and off while code is hot', () => {
    const machine = cetMachine(gnuAssemble(HOT), 0n);
    assert.equal(machine.run(100_000).reason, 'limit');
    // In the middle of a call the shadow stack would lack its return address.
    while (machine.state.gpr[4] !== 0x90000n) machine.step();
    writeMsr(machine.cpu, S_CET, SH_STK_EN | ENDBR_EN);
    assert.equal(machine.run(1e7).reason, 'halt');
    assert.equal(machine.state.gpr[7], 80000n);
    assert.ok(machine.state.gpr[9] > 0n);
  });

  it('guards a system call as in a kernel with shadow stacks in both rings', () => {
    const source = readFileSync(join(import.meta.dirname, 'cet-guest.S'), 'utf8');
    for (const engine of ['tiered', 'interpreter'] as const) {
      const machine = cetMachine(gnuAssemble(source), 0n, engine);
      machine.state.cr4 &= ~CR4_CET;
      machine.stopOn.exceptions.clear();
      assert.equal(machine.run(1_000_000).reason, 'halt');
      const { memory } = machine;
      const results = [...Array(8).keys()].map((i) => memory.readU64(0x80000 + 8 * i));
      const [calls, ssp, token, errorCode, where, userSsp, busy, controls] = results;
      assert.equal(calls, 1000n, 'system calls');
      assert.equal(ssp, BigInt(KERNEL_SHADOW + 0xff8), 'shadow stack of ring 0 after SETSSBSY');
      assert.equal(token, ssp | 1n, 'which is busy then');
      assert.equal(errorCode, 1n, '#CP(NEAR-RET) for the return address that ring 3 has changed');
      assert.equal(where, memory.readU64(0x80100), 'at its RET');
      assert.equal(userSsp, BigInt(USER_SHADOW + 0x1000 - 8));
      assert.equal(busy, BigInt(KERNEL_SHADOW + 0xff8), 'free between system calls');
      assert.equal(controls & TRACKER, 0n);
    }
  });
});
