/** Lockstep of the samples with QEMU. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Build, samples } from '../../samples/build';
import { lockstep, type Difference, type LockstepResult } from './lockstep';

export interface SampleRun {
  /** Source of the program, below samples/. */
  readonly program: string;
  /** QEMU's -cpu, and the model of ours that agrees with it. */
  readonly cpu: string;
  readonly model: string;
}

export const SAMPLE_RUNS: readonly SampleRun[] = [
  { program: 'hello-syscall/hello.S', cpu: 'qemu64,vendor=GenuineIntel,+smep,+smap,+pcid', model: 'intel' },
  { program: 'hello-syscall/hello.S', cpu: 'qemu64', model: 'amd' },
  { program: 'sysret-or-iret/sysret-or-iret.S', cpu: 'qemu64,vendor=GenuineIntel', model: 'intel' },
  { program: 'int80-and-sysenter/int80-and-sysenter.S', cpu: 'qemu64,vendor=GenuineIntel', model: 'intel' },
  { program: 'int80-and-sysenter/int80-and-sysenter.S', cpu: 'qemu64', model: 'amd' },
];

const MULTIBOOT_MAGIC = Buffer.from([0x02, 0xb0, 0xad, 0x1b]);
const ENTRY_FIELD = 28;

export async function runSample(build: Build, run: SampleRun): Promise<LockstepResult> {
  const kernelPath = build.kernel();
  const kernel = readFileSync(kernelPath);
  const programPath = build.program(join(samples, run.program));
  const entry = kernel.readUInt32LE(kernel.indexOf(MULTIBOOT_MAGIC) + ENTRY_FIELD);
  const program = readFileSync(programPath);
  return lockstep({ ...run, kernelPath, kernel, programPath, program, entry, maxInstructions: 100_000 });
}

/** One line that says where and what. */
export function describeDifference({ instruction, rip, text, register, qemu, ringside }: Difference): string {
  const hex = (value: bigint): string => value.toString(16);
  return `instruction ${instruction}, ${hex(rip)} ${text}: ${register} is ${hex(qemu)} on QEMU, ${hex(ringside)} here`;
}
