import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Build, exitCode, have, qemu, samples } from './build';
import { faultingProgram, faults, programs, withoutAddresses } from './expected';

/** AMD without SMAP, everything QEMU can do, Intel, AMD with SMAP. */
const processors = ['qemu64', 'max', 'Skylake-Client', 'EPYC'];

describe('samples under QEMU', function () {
  let build: Build;
  let kernel: string;

  before(function () {
    if (!have('gcc', 'ld', 'qemu-system-x86_64')) this.skip();
    build = new Build();
    kernel = build.kernel();
  });
  after(() => {
    build?.dispose();
  });

  for (const [source, terminal] of Object.entries(programs)) {
    it(`${source} prints what its README says`, () => {
      const program = build.program(join(samples, source));
      for (const cpu of processors) {
        const outcome = qemu(kernel, program, cpu);
        assert.equal(withoutAddresses(outcome.terminal), terminal, cpu);
        assert.equal(outcome.code, exitCode(0), cpu);
      }
    });
  }

  it('sysret-or-iret finds out a kernel that single-steps through SYSRET', () => {
    // The exercise of its README: without the check for TF, the program is stuck at one instruction.
    const entry = build.changedKernel('entry_64.S', /^\ttestq\t\$\(X86_EFLAGS_RF \| X86_EFLAGS_TF\), %r11\n.*\n/m, '');
    const { terminal } = qemu(entry, build.program(join(samples, 'sysret-or-iret/sysret-or-iret.S')));
    assert.match(terminal, /7 TF is set\n {2}stuck at stuck_here: SYSRET\n$/);
  });

  it('system calls check their arguments and give what Linux gives', () => {
    const program = build.program(join(__dirname, 'programs/calls.c'), '-O1', '-mno-sse', '-fno-stack-protector');
    const environ = build.path('environ');
    writeFileSync(environ, 'A=1\0BB=two');
    for (const cpu of ['qemu64', 'max']) {
      const { terminal, code } = qemu(kernel, `${program}  x   yy ,${environ}`, cpu);
      assert.equal(
        terminal,
        `argc 3: x yy
environment: A=1 BB=two
stack aligned: 0
uname: 0 Linux x86_64
uname to a kernel address: -14
uname to 0: -14
write from an unmapped page: -14
write across the end of user space: -14
write that wraps: -14
write to a closed file: -9
call 300: -38
call 9999: -38
call -5: -38
call 1 << 32 | getpid: 1
brk grows by 10000, keeps zeros: 10000 0
arch_prctl: 0 0 4660 -1 -22 77
clock_gettime: 0 -22 -14 slept
sched_yield gettid getuid: 0 1 0
`,
        cpu,
      );
      assert.equal(code, exitCode(42), cpu);
    }
  });

  it('read hands over a line at a time, and 0 bytes at Ctrl-D', () => {
    const program = build.program(join(__dirname, 'programs/echo.S'));
    const { terminal, code } = qemu(kernel, program, 'max', 'hello\rab\x7fc\r\x04');
    assert.equal(terminal, 'hello\nhello\nab\b \bc\nac\n');
    assert.equal(code, exitCode(0));
  });

  it('runs 32-bit programs, through int 0x80 and __kernel_vsyscall', () => {
    const program = build.program(join(__dirname, 'programs/ia32.S'), '-m32');
    for (const cpu of processors) {
      const { terminal, code } = qemu(kernel, `${program} argument`, cpu);
      assert.equal(terminal, 'argument', cpu);
      assert.equal(code, exitCode(7), cpu);
    }
  });

  describe('a program that faults', () => {
    for (const { name, statement, signal, report } of faults) {
      it(`${name}: is reported and ends with status 128 + ${String(signal)}`, () => {
        const source = build.path('fault.S');
        writeFileSync(source, faultingProgram(statement));
        const { terminal, code } = qemu(kernel, build.program(source));
        assert.match(terminal, report);
        assert.equal(code, exitCode(128 + signal));
      });
    }
  });

  describe('a kernel that faults', () => {
    const mistakes: [what: string, statements: string, report: RegExp][] = [
      ['an invalid instruction', 'ud2', /^#UD invalid opcode in ring 0, error code 0000\n/],
      ['a wild pointer', 'movq 0x1234, %rax', /^#PF page fault in ring 0, error code 0000\n[^]* cr2 0000000000001234\n$/],
      ['a lost stack', 'xorl %esp, %esp; pushq %rax', /^#DF double fault in ring 0, error code 0000\n/],
    ];
    for (const [what, statements, report] of mistakes) {
      it(`${what}: is reported, and all stops with status 255`, () => {
        const changed = build.changedKernel('sys_process.S', /^\tmovl\t\$INIT_PID, %eax$/m, statements);
        const source = build.path('getpid.S');
        writeFileSync(source, '.globl _start\n_start: movl $39, %eax\nsyscall\nhlt\n');
        const { terminal, code } = qemu(changed, build.program(source));
        assert.match(terminal, report);
        assert.equal(code, exitCode(255));
      });
    }
  });

  it('says what is wrong with a file that is not a program', () => {
    const junk = build.path('junk');
    writeFileSync(junk, 'x'.repeat(5000));
    const { terminal, code } = qemu(kernel, junk);
    assert.match(terminal, /^kernel panic: the program is not a complete, statically linked x86 ELF executable\n$/);
    assert.equal(code, exitCode(255));
  });
});
