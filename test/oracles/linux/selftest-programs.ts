/** The kernel's own tests of its entry code (tools/testing/selftests/x86), compiled as its makefile does, but static. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

export type Width = 32 | 64;

export interface SelftestProgram {
  /** As the kernel's makefile names it: the source, `_`, and the width. */
  readonly name: string;
  readonly path: string;
}

/** Sources by the widths they are compiled for (TARGETS_C_… of the makefile). */
const BOTH = [
  ...['single_step_syscall', 'sysret_ss_attrs', 'syscall_nt', 'test_mremap_vdso', 'check_initial_reg_state'],
  ...['sigreturn', 'iopl', 'ioperm', 'test_vsyscall', 'mov_ss_trap', 'sigtrap_loop', 'syscall_arg_fault'],
  ...['fsgsbase_restore', 'sigaltstack', 'ldt_gdt', 'ptrace_syscall'],
];
const ONLY_32 = [
  ...['entry_from_vm86', 'test_syscall_vdso', 'unwind_vdso', 'test_FCMOV', 'test_FCOMI', 'test_FISTTP'],
  'vdso_restorer',
];
const ONLY_64 = ['fsgsbase', 'sysret_rip', 'syscall_numbering', 'corrupt_xstate_header', 'amx'];

/** Assembly that belongs to a program. */
const FURTHER_SOURCES: Readonly<Record<string, string>> = {
  sysret_ss_attrs_64: 'thunks.S',
  ptrace_syscall_32: 'raw_syscall_helper_32.S',
  test_syscall_vdso_32: 'thunks_32.S',
};
const FURTHER_FLAGS: Readonly<Record<string, readonly string[]>> = {
  check_initial_reg_state_32: ['-Wl,-ereal_start'],
  check_initial_reg_state_64: ['-Wl,-ereal_start'],
};

/** The names of all programs, in order. */
export const SELFTESTS: readonly (readonly [source: string, width: Width])[] = [
  ...[...BOTH, ...ONLY_64].map((source) => [source, 64] as const),
  ...[...BOTH, ...ONLY_32].map((source) => [source, 32] as const),
];

/**
 * Compiles them from the kernel's source tree into a folder. Throws what gcc says; the 32-bit ones need gcc-multilib and
 * libc6-dev-i386.
 */
export async function compileSelftests(tree: string, folder: string): Promise<SelftestProgram[]> {
  const sources = join(tree, 'tools', 'testing', 'selftests', 'x86');
  const programs: SelftestProgram[] = [];
  for (const [source, width] of SELFTESTS) {
    const name = `${source}_${width}`;
    const path = join(folder, name);
    const further = FURTHER_SOURCES[name];
    await execute('gcc', [
      ...[`-m${width}`, '-o', path, '-O2', '-std=gnu99', '-pthread', '-static', '-no-pie', '-w', '-s'],
      ...['-DCAN_BUILD_32', '-DCAN_BUILD_64', ...(FURTHER_FLAGS[name] ?? [])],
      ...[join(sources, `${source}.c`), ...(further === undefined ? [] : [join(sources, further)])],
      ...['-lrt', '-ldl', '-lm'],
    ]);
    programs.push({ name, path });
  }
  return programs;
}
