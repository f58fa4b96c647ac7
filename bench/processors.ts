/** The processors that run a benchmark's program: Ringside, QEMU's two kinds, v86. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createMachine, loadMultiboot, type MachineOptions } from '../emulator';

/** One run of a program: what it found out, and the seconds between its start and its end as it says itself. */
export interface Run {
  readonly result: string;
  readonly seconds: number;
}

/** Runs a program built by `Guests`. */
export type Processor = (image: string) => Promise<Run>;

export const MEMORY_MB = 256;
/** What main.c sends when the work begins, and after its result. */
const [BEGIN, END] = ['>', '\n'].map((character) => character.charCodeAt(0));
const PATIENCE_SECONDS = 300;

/** Takes the time between the two signs of life of a program. */
class Stopwatch {
  private start: number | undefined;
  private text = '';
  run: Run | undefined;

  receive(byte: number): void {
    if (byte === BEGIN) this.start = performance.now();
    else if (byte !== END) this.text += String.fromCharCode(byte);
    else if (this.start !== undefined)
      this.run = { result: this.text, seconds: (performance.now() - this.start) / 1000 };
  }
}

/** A multiboot image in Ringside. */
export function ringside(options: Partial<MachineOptions> = {}): Processor {
  return (image) => {
    const stopwatch = new Stopwatch();
    const machine = createMachine({
      memoryBytes: MEMORY_MB << 20,
      ...options,
      serial: (byte) => stopwatch.receive(byte),
    });
    loadMultiboot(machine.cpu, readFileSync(image), undefined);
    while (!stopwatch.run) {
      const { reason } = machine.run(50_000_000);
      if (reason !== 'limit' && !stopwatch.run) throw new Error(`${image}: Ringside stopped with ${reason}`);
    }
    return Promise.resolve(stopwatch.run);
  };
}

/** A process whose standard output is the program's. */
function process(command: string, args: (image: string) => string[]): Processor {
  return (image) =>
    new Promise((resolve, reject) => {
      const stopwatch = new Stopwatch();
      const child = spawn(command, args(image), { stdio: ['ignore', 'pipe', 'inherit'] });
      const alarm = setTimeout(() => child.kill('SIGKILL'), PATIENCE_SECONDS * 1000);
      child.stdout.on('data', (data: Buffer) => {
        for (const byte of data) stopwatch.receive(byte);
        if (stopwatch.run) child.kill('SIGKILL');
      });
      child.on('error', reject);
      child.on('close', () => {
        clearTimeout(alarm);
        if (stopwatch.run) resolve(stopwatch.run);
        else reject(new Error(`${command} ${image} ended without a result`));
      });
    });
}

/** An executable for Linux in QEMU's user mode. */
export const qemuUser = process('qemu-x86_64', (image) => [image]);

/** What precedes the path of a multiboot image. */
export const QEMU_SYSTEM_ARGUMENTS: readonly string[] = [
  ...['-accel', 'tcg', '-cpu', 'max', '-m', `${MEMORY_MB}M`, '-display', 'none', '-serial', 'stdio'],
  ...['-monitor', 'none', '-no-reboot', '-nodefaults', '-net', 'none', '-kernel'],
];

/** A multiboot image in QEMU's system mode, translated by TCG. */
export const qemuSystem = process('qemu-system-x86_64', (image) => [...QEMU_SYSTEM_ARGUMENTS, image]);

/** A 32-bit multiboot image in v86, with its just-in-time compiler. `root`: the project's folder. */
export async function v86(root: string): Promise<Processor> {
  const { V86 } = await import('v86');
  return (image) =>
    new Promise((resolve, reject) => {
      const stopwatch = new Stopwatch();
      const file = readFileSync(image);
      const emulator = new V86({
        wasm_path: join(root, 'node_modules', 'v86', 'build', 'v86.wasm'),
        memory_size: MEMORY_MB << 20,
        vga_memory_size: 1 << 20,
        multiboot: { buffer: new Uint8Array(file).buffer },
        autostart: true,
        disable_keyboard: true,
        disable_mouse: true,
        disable_speaker: true,
        log_level: 0,
      });
      const alarm = setTimeout(
        () => finish(() => reject(new Error(`v86 ${image} did not end`))),
        PATIENCE_SECONDS * 1000,
      );
      const finish = (settle: () => void): void => {
        clearTimeout(alarm);
        emulator.destroy().then(settle, reject);
      };
      emulator.add_listener('serial0-output-byte', (byte) => {
        stopwatch.receive(byte);
        const { run } = stopwatch;
        if (run) finish(() => resolve(run));
      });
    });
}
