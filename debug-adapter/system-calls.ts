/** The kernel's system-call table and the call in progress (`ringside/syscallTable`). */
import { syscall64, SYSCALLS_64, syscallNamed, type SyscallParameter } from '../toolchain';
import { describeNumber, stringAt } from './expressions/format';
import { hex } from './memory';
import type { SyscallRow, SyscallTableResponse } from './protocol';
import { findPtRegs } from './pt-regs';
import { location } from './references';
import { PT_REGS_NAMES, readWord } from './symbols/unwind';
import type { Target } from './target';

/** Registers of the arguments: SYSCALL (kernel ABI, psABI A.2.1), and the i386 convention. */
const ARGUMENTS_64 = ['rdi', 'rsi', 'rdx', 'r10', 'r8', 'r9'];
const ARGUMENTS_32 = ['rbx', 'rcx', 'rdx', 'rsi', 'rdi', 'rbp'];
const ORIG_AX = BigInt(8 * PT_REGS_NAMES.indexOf('orig_ax'));

/** No table of Linux has more entries; a bound for one whose end is unknown. */
const MAX_ENTRIES = 1024;

interface TableEntry {
  readonly number: number;
  readonly name: string;
  readonly handler: string;
  readonly address: bigint;
  readonly implemented: boolean;
}

/** A system call as the registers tell it. */
export interface SystemCall {
  readonly number: number;
  readonly name: string | undefined;
  /** Made through int 0x80, SYSENTER or the compatibility-mode SYSCALL: i386 numbers and registers. */
  readonly compat: boolean;
  readonly arguments: readonly bigint[];
  readonly parameters: readonly SyscallParameter[];
}

/** The kernel's `sys_call_table` (or the i386 one): it ends with its symbol's size, or at the next symbol. */
function tableBytes(target: Target, compat: boolean): { readonly va: bigint; readonly length: number } | undefined {
  const symbol = target.symbols.named(compat ? 'ia32_sys_call_table' : 'sys_call_table');
  if (!symbol) return undefined;
  const end = symbol.size > 0n ? symbol.value + symbol.size : target.symbols.nextAfter(symbol.value);
  const length = end === undefined ? 8 * MAX_ENTRIES : Math.min(Number(end - symbol.value), 8 * MAX_ENTRIES);
  return { va: symbol.value, length };
}

/** All entries of the table. */
function systemCallTable(target: Target, compat: boolean): TableEntry[] {
  const table = tableBytes(target, compat);
  const bytes = table ? target.readCode(table.va, table.length) : new Uint8Array();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: Math.floor(bytes.length / 8) }, (_, number) =>
    tableEntry(target, number, view.getBigUint64(8 * number, true), compat),
  );
}

/** One entry of the table; undefined for a number beyond it. */
function systemCallEntry(target: Target, number: number, compat: boolean): TableEntry | undefined {
  const table = tableBytes(target, compat);
  if (!table || number < 0 || 8 * number >= table.length) return undefined;
  const bytes = target.readCode(table.va + BigInt(8 * number), 8);
  if (bytes.length < 8) return undefined;
  return tableEntry(target, number, new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true), compat);
}

function tableEntry(target: Target, number: number, address: bigint, compat: boolean): TableEntry {
  const handlers = target.symbols.allAt(address).map(({ name }) => name);
  const known = compat ? undefined : syscall64(number)?.name;
  const own = handlers.find((handler) => callName(handler) === known) ?? handlers[0];
  const implemented = own !== undefined && !/(^|_)(sys_)?ni_syscall$/.test(own);
  // Some handlers have another name than their call: newuname serves uname.
  const renamed = known !== undefined && (!implemented || callName(own).endsWith(known));
  const name = renamed ? known : own === undefined ? (known ?? `${number}`) : implemented ? callName(own) : `${number}`;
  return { number, name, handler: own ?? hex(address), address, implemented };
}

function callName(handler: string): string {
  return handler.replace(/^(__x64_|__ia32_|__se_|__do_)?(compat_)?sys_/, '');
}

/** Every name by which a call can be meant: those of this kernel's tables and of Linux. */
export function systemCallNames(target: Target): string[] {
  const entries = [...systemCallTable(target, false), ...systemCallTable(target, true)];
  return [...new Set([...entries, ...SYSCALLS_64].map(({ name }) => name))];
}

/** The name of call `number` of this kernel, or else of Linux. */
export function systemCallName(target: Target, number: bigint, compat: boolean): string | undefined {
  const index = Number(BigInt.asIntN(32, number));
  const entry = systemCallEntry(target, index, compat);
  if (entry && entry.name !== `${index}`) return entry.name;
  return compat ? undefined : syscall64(index)?.name;
}

/** The call being made: in the kernel the one in progress, in ring 3 the one the next instruction makes. */
export function currentSystemCall(target: Target): SystemCall | undefined {
  const { state } = target;
  if (state.cpl === 3) {
    const bytes = target.readLinear(state.rip, 2);
    if (bytes[0] === 0x0f && bytes[1] === 0x05) return fromRegisters(target, !state.mode64, liveRegister(target));
    const older = (bytes[0] === 0xcd && bytes[1] === 0x80) || (bytes[0] === 0x0f && bytes[1] === 0x34);
    return older ? fromRegisters(target, true, liveRegister(target)) : undefined;
  }
  const user = target.unwinder.unwind().find(({ ring, kind }) => ring === 3 && kind === 'kernel-entry');
  if (!user) return undefined;
  const frame = findPtRegs(target);
  const entryKind = typeof frame === 'string' ? entryKindOf(target) : frame.kind;
  const register = (name: string): bigint | undefined => {
    if (name === 'rax' && typeof frame !== 'string' && frame.filled[PT_REGS_NAMES.indexOf('orig_ax')]) {
      return readWord(target, frame.base + ORIG_AX);
    }
    return user.registers.get(name)?.value;
  };
  const number = register('rax');
  // An exception leaves -1 or an error code in orig_ax: only a gate made for calls means a number by it.
  if (number === undefined || BigInt.asIntN(64, number) === -1n) return undefined;
  const compat =
    entryKind === undefined ? (user.registers.get('cs')?.value ?? 0x33n) === 0x23n : entryKind !== 'syscall';
  if (compat && !entersByOlderGate(target, user.rip)) return undefined;
  return fromRegisters(target, compat, register);
}

function entryKindOf(target: Target): string | undefined {
  return target.unwinder.unwind().find(({ entry }) => entry !== undefined)?.entry?.kind;
}

/** Whether the instruction before `rip` is INT 0x80, SYSENTER or SYSCALL. */
function entersByOlderGate(target: Target, rip: bigint): boolean {
  const [first, second] = target.readCode(rip - 2n, 2);
  return (first === 0xcd && second === 0x80) || (first === 0x0f && (second === 0x34 || second === 0x05));
}

function liveRegister(target: Target): (name: string) => bigint | undefined {
  const names = 'rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15'.split(' ');
  return (name) => target.state.gpr[names.indexOf(name)];
}

function fromRegisters(
  target: Target,
  compat: boolean,
  register: (name: string) => bigint | undefined,
): SystemCall | undefined {
  const rax = register('rax');
  if (rax === undefined) return undefined;
  const number = Number(BigInt.asIntN(32, rax));
  const name = systemCallName(target, rax, compat);
  const values = (compat ? ARGUMENTS_32 : ARGUMENTS_64).map((each) => register(each) ?? 0n);
  return {
    number,
    name,
    compat,
    arguments: compat ? values.map((value) => BigInt.asUintN(32, value)) : values,
    parameters: (name === undefined ? undefined : syscallNamed(name))?.parameters ?? [],
  };
}

/** The arguments of a call in words, one for each parameter. */
export function describeArguments(target: Target, { parameters, arguments: values }: SystemCall): string[] {
  return parameters.map((parameter, index) => {
    // The text of write and its like is as long as the argument behind it says.
    const bytes = parameters.at(index + 1)?.type === 'size_t' ? values[index + 1] : undefined;
    return describeArgument(target, parameter, values[index], bytes);
  });
}

/** An argument as its type says: text for `const char *`, a signed number for `int`, else hexadecimal. */
function describeArgument(
  target: Target,
  { type }: SyscallParameter,
  value: bigint,
  bytes: bigint | undefined,
): string {
  if (type === 'const char *') {
    const text = stringAt(value, target, bytes === undefined ? undefined : Number(bytes));
    return text === undefined ? hex(value) : `${hex(value)} ${text}`;
  }
  if (type.endsWith('*')) return describeNumber(value, 64, target);
  if (type === 'int' || type === 'pid_t' || type === 'clockid_t') return BigInt.asIntN(32, value).toString();
  if (type.startsWith('unsigned') || type === 'uint32_t') {
    return BigInt.asUintN(type.includes('long') ? 64 : 32, value).toString();
  }
  return BigInt.asIntN(64, value).toString();
}

/** `ringside/syscallTable`. */
export function syscallTableResponse(target: Target): SyscallTableResponse {
  const call = currentSystemCall(target);
  const table = systemCallTable(target, call?.compat ?? false);
  if (table.length === 0) {
    return {
      rows: [],
      note: 'The kernel has no symbol sys_call_table, so its table cannot be found. Load a kernel with symbols.',
    };
  }
  const values = call ? describeArguments(target, call) : [];
  // Most rows share one handler, the one for calls that are not implemented.
  const handlers = new Set(table.map(({ address }) => address));
  const locations = new Map([...handlers].map((address) => [address, target.lines.at(address)]));
  const rows = table.map((entry): SyscallRow => {
    const current = call?.number === entry.number ? call : undefined;
    const parameters = syscallNamed(entry.name)?.parameters ?? [];
    const row = locations.get(entry.address);
    return {
      number: entry.number,
      name: entry.name,
      handler: entry.handler,
      address: hex(entry.address),
      ...(row ? { location: location(row.location) } : {}),
      arguments: parameters.map((parameter, index) => ({
        name: parameter.name,
        type: parameter.type,
        ...(current ? { value: values[index] } : {}),
      })),
      implemented: entry.implemented,
    };
  });
  const notes = [
    ...(call?.compat
      ? ['This is the table of the i386 calls: int 0x80, SYSENTER and the compatibility-mode SYSCALL use it.']
      : []),
    ...(target.symbols.named('x64_sys_call')
      ? ['This kernel dispatches with a switch in x64_sys_call; it uses the table for tracing only.']
      : []),
  ];
  return {
    rows,
    ...(call ? { current: call.number } : {}),
    ...(notes.length > 0 ? { note: notes.join(' ') } : {}),
  };
}
