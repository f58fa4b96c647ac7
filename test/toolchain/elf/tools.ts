/** Outside programs as oracles: GNU binutils, gdb, QEMU. Tests that need one skip where it is missing. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Context } from 'mocha';
import type { ObjectModule } from '../../../toolchain/elf/object';
import { readObject } from '../../../toolchain/elf/object-reader';

/** A temporary folder; `remove` it when done. */
export class Workspace {
  readonly folder = mkdtempSync(join(tmpdir(), 'ringside-test-'));

  path(name: string): string {
    return join(this.folder, name);
  }

  write(name: string, content: string | Uint8Array): string {
    writeFileSync(this.path(name), content, { mode: 0o755 });
    return this.path(name);
  }

  read(name: string): Uint8Array {
    return new Uint8Array(readFileSync(this.path(name)));
  }

  /** Runs a program in the folder; fails unless it succeeds. Standard output and error output. */
  run(program: string, ...args: string[]): { stdout: string; stderr: string } {
    const result = this.attempt(program, ...args);
    if (result.status !== 0) throw new Error(`${program} ${args.join(' ')}: ${result.stderr}`);
    return result;
  }

  /** Runs a program in the folder, whatever comes of it. */
  attempt(program: string, ...args: string[]): { stdout: string; stderr: string; status: number | null } {
    const { stdout, stderr, status } = spawnSync(program, args, {
      cwd: this.folder,
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C' },
      maxBuffer: 1 << 26,
    });
    return { stdout, stderr, status };
  }

  /** Assembles with GNU as and reads the object. */
  assemble(source: string, ...options: string[]): ObjectModule {
    this.write('input.s', source);
    this.run('as', ...options, 'input.s', '-o', 'input.o');
    return readObject(this.read('input.o'), 'input.s');
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Skips the running test unless all of `programs` can be started. */
export function need(context: Context, ...programs: string[]): void {
  if (programs.some((program) => spawnSync(program, ['--version']).error)) context.skip();
}

/** Section contents as `objdump -s` prints them, by section name. */
export function sectionDump(workspace: Workspace, file: string, ...sections: string[]): string {
  const options = sections.flatMap((section) => ['-j', section]);
  const { stdout } = workspace.run('objdump', '-s', ...options, file);
  return stdout.slice(stdout.indexOf('Contents of'));
}
