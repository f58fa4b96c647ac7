/** Commands of busybox under Linux on the emulator print what the same busybox prints on this machine. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { answer, boot, need } from './kernels';

/** Lines of sh, carried out one after another in an empty folder. */
const COMMANDS = [
  'seq 1 400 >n; wc n',
  'md5sum n',
  'sha1sum n',
  'sha256sum n',
  'sha512sum n',
  'sha3sum n',
  'tail -c 7 n',
  'crc32 n',
  'sort -rn n | head -n 3',
  'awk \'{ s += $1 * $1; r += 1 / $1 } END { printf "%d %.12f\\n", s, r }\' n',
  "sed -n -e 's/^\\(.\\)\\(.\\)$/\\2\\1/p' n | tail -n 2",
  'tr 0-9 a-j <n | tail -n 1',
  'cut -c 1 n | sort | uniq -c',
  'grep -c -E "^(1|2).*7$" n',
  'od -x n | head -n 2',
  'hexdump -C -n 40 n',
  'gzip -9 -n -c n | md5sum',
  'gzip -c n | gunzip -c | cmp - n; echo $?',
  'bzip2 -c n | md5sum',
  'bzip2 -c n | bunzip2 -c | md5sum',
  'tar -c n | tar -x -O | md5sum',
  'base64 n | tail -n 2',
  'head -c 30 n | uuencode -m x',
  'dd if=n of=m bs=100 count=3 2>/dev/null; ls -l m | cut -c 1-10; wc -c m',
  "sed -n '100,300p' n >xaa; sed 's/7/x/' xaa >xab; ls | cat",
  'paste xaa xab | sed -n 50p',
  'sort -u xaa xab | wc -l; cmp xaa xab; echo $?',
  'diff -u xaa xab | head -n 4 | tail -n 1',
  'nl xab | tail -n 1; rev xab | head -n 1; tac xab | head -n 1',
  'find . -type f -size +0c | sort | xargs cat | wc -c',
  'expr 123456789 \\* 1000 + 7; echo $((1 << 62)) $((-7 / 2)) $((0x7f ^ 21))',
  'factor 1000000007 600851475143; printf "%08.3f %x %s\\n" 3.14159 48879 end',
  'echo "2 64 ^ 3 / p" | dc; echo "scale=20; 4*a(1)" | bc -l',
  'for i in 1 2 3; do (sleep 0; echo $i) & wait; done; echo done',
  'f() { [ $1 -le 1 ] && echo 1 || echo $(($1 * $(f $(($1 - 1))))); }; f 12',
  'trap "echo caught" USR1; kill -USR1 $$; echo after',
];

describe('Linux: commands of busybox', () => {
  it(`${COMMANDS.length} print what they print here`, function () {
    const machine = need(this, 'small', 'cloud-6.1');
    const folder = mkdtempSync(join(tmpdir(), 'ringside-busybox-'));
    try {
      const disk = join(folder, 'disk');
      const work = join(folder, 'work');
      for (const each of [disk, work]) mkdirSync(each);
      const script = COMMANDS.map((command) => `${command}\necho @@\n`).join('');
      writeFileSync(join(disk, 'commands.sh'), script);
      const start = 'cd /tmp; sh /commands.sh';
      const result = boot(machine, { commands: [`${start}; cd /`], options: ['--initrd', disk] });
      assert.equal(result.code, 0);
      const there = answer(result, `${start}; cd /`).split('@@\n');
      const here = execFileSync(machine.busybox, ['sh', join(disk, 'commands.sh')], {
        ...{ cwd: work, encoding: 'latin1', env: { PATH: dirname(machine.busybox) } },
      }).split('@@\n');
      const differing = COMMANDS.flatMap((command, index) =>
        there[index] === here[index] ? [] : [`${command}\n${there[index]}instead of\n${here[index]}`],
      );
      assert.deepEqual(differing, []);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
