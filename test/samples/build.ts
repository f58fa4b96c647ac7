/**
 * Builds the samples with GNU tools: the kernel by its own kernel.ld, programs as static executables. What QEMU then
 * runs is made of the same sources that Ringside assembles itself.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

export const samples = join(__dirname, '..', '..', 'samples');

const kernelSource = join(samples, 'kernel');

/** True if every one of `tools` can be started. */
export function have(...tools: readonly string[]): boolean {
  return tools.every((tool) => spawnSync(tool, ['--version']).status === 0);
}

function run(tool: string, args: readonly string[]): void {
  const result = spawnSync(tool, args, { encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`${tool} ${args.join(' ')}\n${result.stderr}`);
}

/** A directory of build products, removed by `dispose`. */
export class Build {
  readonly directory = mkdtempSync(join(tmpdir(), 'ringside-samples-'));

  path(name: string): string {
    return join(this.directory, name);
  }

  /** The kernel; returns the path of the image. */
  kernel(): string {
    const objects = readdirSync(kernelSource)
      .filter((name) => name.endsWith('.S'))
      .sort()
      .map((name) => this.#assemble(join(kernelSource, name), this.#object(name)));
    return this.#link('kernel', objects);
  }

  /** The kernel, built before, with `replacement` for the text that `pattern` matches in one of its files. */
  changedKernel(name: string, pattern: RegExp, replacement: string): string {
    const text = readFileSync(join(kernelSource, name), 'utf8');
    if (!pattern.test(text)) throw new Error(`${name}: nothing matches ${String(pattern)}`);
    const source = this.path(name);
    writeFileSync(source, text.replace(pattern, replacement));
    const object = this.#assemble(source, this.path('changed.o'));
    const others = readdirSync(kernelSource).filter((other) => other.endsWith('.S') && other !== name);
    return this.#link('changed-kernel', [object, ...others.map((other) => this.#object(other))]);
  }

  #object(name: string): string {
    return this.path(`${basename(name, '.S')}.o`);
  }

  #assemble(source: string, object: string): string {
    run('gcc', ['-c', '-x', 'assembler-with-cpp', '-Wa,--fatal-warnings', '-I', kernelSource, source, '-o', object]);
    return object;
  }

  #link(name: string, objects: readonly string[]): string {
    const script = join(kernelSource, 'kernel.ld');
    run('ld', ['-nostdlib', '-z', 'max-page-size=4096', '-T', script, '-o', this.path(name), ...objects]);
    return this.path(name);
  }

  /** A program without libraries; returns its path. `options` go to gcc. */
  program(source: string, ...options: readonly string[]): string {
    const image = this.path(basename(source).replace(/\.[^.]*$/, ''));
    run('gcc', ['-nostdlib', '-static', ...options, '-o', image, source]);
    return image;
  }

  dispose(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export interface Outcome {
  readonly terminal: string;
  /** Exit code of QEMU: (status << 1 | 1) & 255 if the guest wrote `status` to the debug-exit port. */
  readonly code: number | null;
}

/** Arguments that make QEMU the machine the samples are written for. `modules` are multiboot modules with arguments. */
export function machine(kernel: string, modules: string, cpu: string): string[] {
  return [
    ...['-cpu', cpu, '-kernel', kernel, '-initrd', modules, '-m', '64'],
    ...['-device', 'isa-debug-exit,iobase=0xf4,iosize=4', '-display', 'none', '-no-reboot', '-monitor', 'none'],
  ];
}

export function qemu(kernel: string, modules: string, cpu = 'max', input = ''): Outcome {
  const result = spawnSync('qemu-system-x86_64', [...machine(kernel, modules, cpu), '-serial', 'stdio'], {
    encoding: 'latin1',
    timeout: 10_000,
    input,
  });
  return { terminal: result.stdout, code: result.status };
}

/** The exit code QEMU shows for a status. */
export function exitCode(status: number): number {
  return ((status << 1) | 1) & 255;
}
