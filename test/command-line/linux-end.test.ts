import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Conversation, unescaped } from '../../command-line/conversation';
import { KernelMessages } from '../../debug-adapter';
import { describeEnd } from '../../command-line/linux-end';
import { createMachine } from '../../emulator';
import { Folder, run } from './support';

const CACHE = join(__dirname, '..', '..', '.cache', 'linux');

/** What is told of a panic after these lines on the console. */
function toldOf(...lines: readonly string[]): string[] {
  const messages = new KernelMessages();
  for (const byte of new TextEncoder().encode(lines.map((line) => `${line}\r\n`).join(''))) messages.see(byte);
  assert.ok(messages.panicReported);
  const machine = createMachine({ memoryBytes: 1 << 20 });
  const { code, lines: told } = describeEnd({ reason: 'panic' }, { machine, vmlinux: undefined, messages });
  assert.equal(code, 3);
  return told;
}

describe('how a Linux guest ended', () => {
  const folder = new Folder();
  after(() => folder.dispose());

  it('a panic is told with its reason, its call stack and what helps', () => {
    assert.deepEqual(
      toldOf(
        '[    1.0] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)',
        '[    1.1] Call Trace:',
        '[    1.1]  <TASK>',
        '[    1.1]  dump_stack_lvl+0x44/0x5c',
        '[    1.1]  panic+0x118/0x2ed',
        '[    1.1]  ? vprintk_emit+0x10/0x20',
        '[    1.1]  mount_block_root+0x1d3/0x1e6',
        '[    1.1]  </TASK>',
        '[    1.2] ---[ end Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0) ]---',
      ),
      [
        'kernel panic: VFS: Unable to mount root fs on unknown-block(0,0)',
        'In panic+0x118, called from mount_block_root+0x1d3.',
        'The kernel found no initial file system, and this machine has no disk for root=. --busybox FILE gives it a shell, --init FILE a program, --initrd FILE or DIR a file system.',
      ],
    );
  });

  it('a panic after an exception in the kernel tells where that came', () => {
    const [, exception, stack] = toldOf(
      'BUG: kernel NULL pointer dereference, address: 0000000000000000',
      'RIP: 0010:sysrq_handle_crash+0x16/0x20',
      'Call Trace:',
      ' <TASK>',
      ' __handle_sysrq.cold+0x48/0x18c',
      ' write_sysrq_trigger+0x24/0x40',
      ' </TASK>',
      'RIP: 0033:0x4c5a57',
      'Kernel panic - not syncing: Fatal exception',
      'Kernel Offset: disabled',
      '---[ end Kernel panic - not syncing: Fatal exception ]---',
    );
    assert.equal(exception, 'An exception came at sysrq_handle_crash+0x16/0x20.');
    assert.equal(stack, 'In __handle_sysrq.cold+0x48, called from write_sysrq_trigger+0x24.');
  });

  it('a first process that ends is told with its status or signal', () => {
    const end = (code: string): string | undefined =>
      toldOf(`Kernel panic - not syncing: Attempted to kill init! exitcode=0x${code}`, '---[ end Kernel panic').at(-1);
    assert.match(end('00000700') ?? '', /ended with exit status 7/);
    assert.match(end('0000000b') ?? '', /ended by signal 11/);
  });

  it('a real kernel whose first process ends by a fault', async function () {
    const kernel = join(CACHE, 'small-bzImage');
    if (!existsSync(kernel)) return this.skip();
    this.timeout(120_000);
    const init = folder.write('fault.S', '.globl _start\n_start: mov 0, %rax\n');
    const { code, error } = await run(['boot', '--kernel', kernel, '--init', init, '--fast-time'], '');
    assert.equal(code, 3);
    assert.match(error, /^ringside: kernel panic: Attempted to kill init!.*\n {2}In panic\+0x\w+, called from do_exit/);
    assert.match(error, /ended by signal 11/);
  });
});

describe('texts to wait for and to type', () => {
  const bytes = (text: string): number[] => [...unescaped(text)];

  it('escapes are those of C', () => {
    assert.deepEqual(bytes('a\\n\\r\\t\\e\\\\\\x03\\xfF'), [0x61, 10, 13, 9, 27, 0x5c, 3, 0xff]);
    assert.deepEqual(bytes('é'), [0xc3, 0xa9]);
    assert.deepEqual(bytes('\\q\\x1'), [0x5c, 0x71, 0x5c, 0x78, 0x31]);
    assert.deepEqual(bytes('\\\\n'), [0x5c, 0x6e]);
  });

  it('the text to wait for may have line ends', () => {
    const typed: string[] = [];
    const conversation = new Conversation(unescaped('\\n# '), [Uint8Array.of(0x78)], {
      firstPrompt: () => typed.push('first'),
      type: (text) => typed.push(new TextDecoder().decode(text)),
    });
    const show = (text: string): void => new TextEncoder().encode(text).forEach((byte) => conversation.see(byte));
    show('# # ');
    assert.deepEqual(typed, []);
    show('\n# ');
    assert.deepEqual(typed, ['first', 'x']);
    assert.equal(conversation.over, false);
    show('\n# ');
    assert.equal(conversation.over, true);
  });
});
