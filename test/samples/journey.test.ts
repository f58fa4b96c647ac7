/** The path itself, instruction by instruction, as gdb sees it on QEMU. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Build, have, machine, samples } from './build';

/** Slots of pt_regs from low to high addresses, with what hello.S has in them at its first SYSCALL; undefined: an address. */
const HELLO_PT_REGS: readonly (readonly [slot: string, value: bigint | undefined])[] = [
  ['r15', 0x1515n],
  ['r14', 0x1414n],
  ['r13', 0x1313n],
  ['r12', 0x1212n],
  ['bp', 0xb9n],
  ['bx', 0xb0bn],
  ['r11', 0x202n],
  ['r10', 0x1010n],
  ['r9', 0x99n],
  ['r8', 0x88n],
  ['ax', -38n],
  ['cx', undefined],
  ['dx', 15n],
  ['si', undefined],
  ['di', 1n],
  ['orig_ax', 1n],
  ['ip', undefined],
  ['cs', 0x33n],
  ['flags', 0x202n],
  ['sp', undefined],
  ['ss', 0x2bn],
];

/** CR3 bit that selects the user page tables. */
const PTI_USER_PGTABLE = 1n << 12n;
/** pt_regs->orig_ax when no system call is in progress: rt_sigreturn sets it, and so does an exception. */
const NO_CALL = '*(long *)($rsp + 0x78) == -1';

/** Asks gdb whether the program counter is at a label. */
function at(label: string): string {
  return `p (long)$pc == (long)&${label}`;
}

describe('the system-call path under QEMU and gdb', function () {
  let build: Build;
  let kernel: string;
  let emulator: ChildProcess | undefined;

  before(function () {
    if (!have('gcc', 'ld', 'gdb', 'qemu-system-x86_64')) this.skip();
    build = new Build();
    kernel = build.kernel();
  });
  afterEach(() => {
    emulator?.kill('SIGKILL');
    emulator = undefined;
  });
  after(() => {
    build?.dispose();
  });

  /** Starts `program` and returns what gdb prints on each of `commands`; a command that fails prints why. */
  async function gdb(program: string, commands: readonly string[]): Promise<string[]> {
    const socket = build.path('gdb.socket');
    const options = ['-serial', 'null', '-S', '-gdb', `unix:${socket},server=on,wait=off`];
    emulator = spawn('qemu-system-x86_64', [...machine(kernel, program, 'max'), ...options], { stdio: 'ignore' });
    for (let tries = 0; !existsSync(socket) && tries < 100; tries++) await delay(20);
    const setUp = ['set pagination off', 'set architecture i386:x86-64', `add-symbol-file ${program}`];
    const separated = commands.flatMap((command) => [command, 'echo \\n--\\n']);
    const script = [...setUp, `target remote ${socket}`, 'echo \\n--\\n', ...separated, 'kill'];
    const args = ['-q', '-nx', '-batch', ...script.flatMap((command) => ['-ex', command])];
    const { stdout } = spawnSync('sh', ['-c', 'exec gdb "$@" 2>&1', 'gdb', ...args, kernel], { encoding: 'utf8' });
    return stdout.split('\n--\n').slice(1, 1 + commands.length);
  }

  /** The words in the output of x/…gx. */
  function words(output = ''): bigint[] {
    return [...output.matchAll(/\t(0x[0-9a-f]+)/g)].map(([, word = '']) => BigInt.asIntN(64, BigInt(word)));
  }

  it('hello-syscall: pt_regs holds what the program had, and SYSRET takes it back', async () => {
    const program = build.program(join(samples, 'hello-syscall/hello.S'));
    const [, , place, , , cr3, regs, addresses, , , wayOut, , , userCr3, registers] = await gdb(program, [
      'hbreak enter_kernel',
      'continue',
      at('enter_kernel'),
      'hbreak do_syscall_64',
      'continue',
      'p/x $cr3',
      'x/21gx $rdi',
      'p/x (long[4]){(long)&back_in_ring_3, (long)&message, (long)&back_in_ring_3, *(long *)($rdi + 0x98)}',
      'hbreak syscall_return_via_sysret',
      'continue',
      at('syscall_return_via_sysret'),
      'hbreak back_in_ring_3',
      'continue',
      'p/x $cr3',
      'p/x (long[4]){$rax, $rcx, $r11, $rbx}',
    ]);
    assert.match(place ?? '', /= 1\n$/);
    assert.equal(BigInt(/0x[0-9a-f]+/.exec(cr3 ?? '')?.[0] ?? 0) & PTI_USER_PGTABLE, 0n);
    const numbers = [...(addresses ?? '').matchAll(/0x[0-9a-f]+/g)].map(([number]) => BigInt(number));
    const expected = HELLO_PT_REGS.map(([slot, value]) => `${slot} ${String(value ?? numbers.shift())}`);
    const actual = words(regs).map((value, index) => `${HELLO_PT_REGS[index]?.[0] ?? ''} ${String(value)}`);
    assert.deepEqual(actual, expected);
    assert.match(wayOut ?? '', /= 1\n$/);
    assert.notEqual(BigInt(/0x[0-9a-f]+/.exec(userCr3 ?? '')?.[0] ?? 0) & PTI_USER_PGTABLE, 0n);
    assert.match(registers ?? '', /\{0xf, 0x[0-9a-f]+, 0x202, 0xb0b\}/);
  });

  it('ring 3 runs on page tables that lack the kernel but for its entry code', async () => {
    const program = build.program(join(samples, 'hello-syscall/hello.S'));
    const kept = ['&entry_SYSCALL_64', '&entry_INT80_compat', '&asm_exc_page_fault', '&per_cpu_area', '0xfffffe0000000000'];
    const gone = ['&do_syscall_64', '&sys_call_table', '&init_stack', '&gdt_page', '0xffff888000100000', '&swapper_pg_dir'];
    const examine = [...kept, ...gone].map((address) => `x/gx ${address}`);
    const [, , ...answers] = await gdb(program, ['hbreak enter_kernel', 'continue', ...examine]);
    const unreadable = [...kept, ...gone].filter((_, index) => /Cannot access memory/.test(answers[index] ?? ''));
    assert.deepEqual(unreadable, gone);
    assert.deepEqual(words(answers.slice(0, kept.length).join('\n')).length, kept.length);
  });

  it('sysret-or-iret: of all returns without a call, SYSRET takes only the one where every check holds', async () => {
    const program = build.program(join(samples, 'sysret-or-iret/sysret-or-iret.S'));
    const stops = Array.from({ length: 40 }, () => ['continue', at('syscall_return_via_sysret')]).flat();
    const output = await gdb(program, [
      `hbreak syscall_return_via_sysret if ${NO_CALL}`,
      `hbreak swapgs_restore_regs_and_return_to_usermode if ${NO_CALL}`,
      ...stops,
    ]);
    const ways = output.map((text) => /^\$\d+ = ([01])$/.exec(text.trim())?.[1]).filter((way) => way !== undefined);
    // The start of the program is the first return of this kind, the second is that of case 0.
    assert.ok(ways.length > 10, output.join('\n'));
    assert.deepEqual([ways.indexOf('1'), ways.lastIndexOf('1')], [1, 1]);
  });
});
