import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { errnoName, syscall64, syscallNamed, SYSCALLS_64 } from '../../../toolchain';

const UNISTD = '/usr/include/x86_64-linux-gnu/asm/unistd_64.h';
const ERRNO = ['/usr/include/asm-generic/errno-base.h', '/usr/include/asm-generic/errno.h'];

describe('system-call table of Linux', () => {
  it('should agree with the kernel headers in every number and name', function () {
    if (!existsSync(UNISTD)) return this.skip();
    const header = readFileSync(UNISTD, 'utf8');
    const theirs = new Map(
      [...header.matchAll(/#define __NR_(\w+) (\d+)/g)].map(([, name, number]) => [Number(number), name]),
    );
    for (const { number, name } of SYSCALLS_64) {
      if (theirs.has(number)) assert.equal(name, theirs.get(number));
    }
    const newest = Math.max(...theirs.keys());
    const missing = [...theirs.entries()].filter(([number]) => number <= newest && !syscall64(number));
    // Numbers that were reserved but never had a call, or whose call was taken out of the kernel.
    const absent = new Set(
      (
        'uselib _sysctl create_module get_kernel_syms query_module nfsservctl getpmsg putpmsg afs_syscall tuxcall security ' +
        'set_thread_area get_thread_area lookup_dcookie epoll_ctl_old epoll_wait_old vserver sysfs'
      ).split(' '),
    );
    assert.deepEqual(
      missing.filter(([, name]) => !absent.has(name)),
      [],
    );
  });

  it('should know arguments by name and type', () => {
    assert.deepEqual(syscallNamed('write')?.parameters, [
      { name: 'fd', type: 'int' },
      { name: 'buf', type: 'const char *' },
      { name: 'count', type: 'size_t' },
    ]);
    assert.deepEqual(syscallNamed('getpid')?.parameters, []);
    assert.equal(syscallNamed('execve')?.parameters[1].type, 'char *const *');
    assert.ok(SYSCALLS_64.every(({ parameters }) => parameters.length <= 6));
  });
});

describe('error numbers of Linux', () => {
  it('should agree with the kernel headers', function () {
    if (!ERRNO.every((file) => existsSync(file))) return this.skip();
    const header = ERRNO.map((file) => readFileSync(file, 'utf8')).join('\n');
    for (const [, name, number] of header.matchAll(/#define\s+(E\w+)\s+(\d+)/g))
      assert.equal(errnoName(Number(number)), name);
    assert.equal(errnoName(0), undefined);
    assert.equal(errnoName(4000), undefined);
  });
});
