/** Programs of a C compiler with a C library, which choose their code by CPUID: they print what they print on the host. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildImage } from '../../debug-adapter/build';
import { createMachine } from '../../emulator';
import { loadMultiboot } from '../../emulator/boot/multiboot';
import { have, samples } from './build';

const RUN_BUDGET = 20_000_000;
/** What the program computes must not be left to the compiler. */
const SOURCE = `
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int byValue(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv) {
  volatile double one = argc;
  double values[100], sum = 0;
  for (int i = 0; i < 100; i++) values[i] = sin(one * i) * pow(one + i, 0.3) / (1 + i % 7);
  qsort(values, 100, sizeof *values, byValue);
  for (int i = 0; i < 100; i++) sum += values[i] * i;
  long double wide = sum;
  printf("%.17g %.20Lg %a %e\\n", sum, wide * wide, exp(one), atan2(one, 3));
  printf("%.9g %.3f %d\\n", sqrtf(2 * (float)one), 1e15 / 7, (int)(sum * 1000));
  char text[200];
  memset(text, 'x', sizeof text);
  strcpy(text + 60, "a string that is neither short nor aligned");
  printf("%zu %d %s\\n", strlen(text), strcmp(text + 60, text + 61), strchr(text + 60, 'n'));
  printf("%.10g %.10g %.10g\\n", strtod("6.02214076e23", 0), fma(one, 1e16, 1), log(one / 10));
  return (int)one + 6;
}
`;

describe('a program with the C library', () => {
  let folder: string;
  let kernel: Uint8Array;
  let program: string;
  let native: string;

  before(function () {
    this.timeout(60_000);
    folder = mkdtempSync(join(tmpdir(), 'ringside-c-library-'));
    program = join(folder, 'program');
    writeFileSync(`${program}.c`, SOURCE);
    // The sample kernel has no mprotect, which relocations made read-only would need.
    const options = ['-O2', '-static', '-no-pie', '-Wl,-z,norelro', '-fno-builtin'];
    if (!have('gcc')) this.skip();
    const built = spawnSync('gcc', [...options, '-o', program, `${program}.c`, '-lm'], { encoding: 'utf8' });
    // No static C library here.
    if (built.status !== 0) this.skip();
    native = spawnSync(program, { encoding: 'utf8' }).stdout;
    kernel = buildImage(join(samples, 'kernel'), 'kernel', 'asm').image.bytes;
  });

  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  for (const cpu of ['intel', 'amd', 'generic', 'intel,+x86-64-v3']) {
    it(`computes and prints on ${cpu} what it does on the host`, function () {
      this.timeout(60_000);
      const output: number[] = [];
      const machine = createMachine({ memoryBytes: 64 << 20, cpu, serial: (byte) => output.push(byte) });
      loadMultiboot(machine.cpu, kernel, undefined, {
        modules: [{ bytes: readFileSync(program), string: 'program' }],
      });
      assert.deepEqual(machine.run(RUN_BUDGET), { reason: 'exit', code: (7 << 1) | 1 });
      assert.equal(Buffer.from(output).toString('latin1').replaceAll('\\r', ''), native);
    });
  }
});
