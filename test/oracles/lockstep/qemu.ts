/** QEMU's processor state, read through its GDB stub. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GdbRemote } from './gdb-remote';

/** Registers in the order of QEMU's g packet (its i386-64bit.xml), with their bytes. */
const LAYOUT: readonly (readonly [name: string, bytes: number])[] = [
  ...['rax', 'rbx', 'rcx', 'rdx', 'rsi', 'rdi', 'rbp', 'rsp'].map((name) => [name, 8] as const),
  ...['r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15', 'rip'].map((name) => [name, 8] as const),
  ...['rflags', 'cs', 'ss', 'ds', 'es', 'fs', 'gs'].map((name) => [name, 4] as const),
  ...['fs_base', 'gs_base', 'kernel_gs_base', 'cr0', 'cr2', 'cr3', 'cr4', 'cr8', 'efer'].map(
    (name) => [name, 8] as const,
  ),
];

export type Registers = Record<string, bigint>;

export class Qemu {
  private constructor(
    private readonly process: ChildProcess,
    private readonly folder: string,
    readonly gdb: GdbRemote,
  ) {}

  /** Starts QEMU with `args`, halted at reset. */
  static async start(args: readonly string[]): Promise<Qemu> {
    const folder = mkdtempSync(join(tmpdir(), 'ringside-qemu-'));
    const socket = join(folder, 'gdb');
    const child = spawn(
      'qemu-system-x86_64',
      ['-display', 'none', '-no-reboot', '-S', '-gdb', `unix:${socket},server=on,wait=off`, ...args],
      { stdio: 'ignore' },
    );
    return new Qemu(child, folder, await GdbRemote.open(socket));
  }

  /** Runs until the instruction at `address` is next. */
  async runTo(address: number): Promise<void> {
    await this.gdb.command(`Z1,${address.toString(16)},1`);
    await this.gdb.command('c');
    await this.gdb.command(`z1,${address.toString(16)},1`);
  }

  /** Executes one instruction; false once the machine is gone. */
  async step(): Promise<boolean> {
    return (await this.gdb.command('s')).startsWith('T');
  }

  async registers(): Promise<Registers> {
    const bytes = Buffer.from(await this.gdb.command('g'), 'hex');
    const registers: Registers = {};
    let at = 0;
    for (const [name, size] of LAYOUT) {
      registers[name] = size === 8 ? bytes.readBigUInt64LE(at) : BigInt(bytes.readUInt32LE(at));
      at += size;
    }
    return registers;
  }

  stop(): void {
    this.gdb.close();
    this.process.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}
