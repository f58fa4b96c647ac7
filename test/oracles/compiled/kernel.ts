/** The kernel under random programs: hashes every exception, and sends the program on after those that are faults. */
import * as at from './guest-layout';

const hex = (value: number): string => `0x${value.toString(16)}`;

/** Mixes the value an operand reads, in RDX, into the hash in RAX. */
const mix = (operand: string): string =>
  `  mov ${operand}, %rdx\n  rol $7, %rax\n  xor %rdx, %rax\n  imul $0x61c88647, %rax\n`;

const PTE = (va: number): string => hex(at.PAGE_TABLE + (va >> 12) * 8);
const ERROR_CODES = new Set([8, 10, 11, 12, 13, 14, 17, 21]);

/** Vectors that have a gate. */
export const VECTORS: readonly number[] = [
  ...Array.from({ length: 32 }, (_, vector) => vector),
  ...Object.values(at.Service),
];

const gates = VECTORS.map(
  (vector) => `gate${vector}:\n${ERROR_CODES.has(vector) ? '' : '  push $0\n'}  push $${vector}\n  jmp common\n`,
).join('');

/** Its variables, in `VARIABLES`. */
const HASH = hex(at.VARIABLES);
const LOGGED = hex(at.VARIABLES + 8);
const TRAPS = hex(at.VARIABLES + 16);
const REMAPS = hex(at.VARIABLES + 24);
const SAVED_STACK = hex(at.VARIABLES + 32);

/**
 * Source of the kernel. `start` sets the timer, which ticks every `timerCounts` counts of the PIT (838 instructions each),
 * and enters the program in the ring `ring`.
 */
export function kernelSource(timerCounts: number, ring: 0 | 3): string {
  const [code, data] = ring === 0 ? [at.KERNEL_CODE, at.KERNEL_DATA] : [at.USER_CODE, at.USER_DATA];
  const out = (port: number, value: number): string => `  mov $${hex(value)}, %al\n  out %al, $${hex(port)}\n`;
  return `
start:
${out(0x20, 0x11)}${out(0x21, at.Service.TIMER)}${out(0x21, 4)}${out(0x21, 1)}${out(0x21, 0xfe)}
${out(0x43, 0x34)}${out(0x40, timerCounts & 0xff)}${out(0x40, timerCounts >> 8)}
  push $${data}
  push $${hex(at.STACK_TOP)}
  push $0x202
  push $${code}
  push $${hex(at.PROGRAM)}
  iretq
${gates}
common:
  push %rax
  push %rcx
  push %rdx
  cld
  mov ${HASH}, %rax
${[24, 32, 40, 48, 56, 64, 72].map((offset) => mix(`${offset}(%rsp)`)).join('')}
${mix('%cr2')}
${mix('%cr3')}
  mov %rax, ${HASH}
  mov ${LOGGED}, %ecx
  mov 40(%rsp), %rdx
  shl $8, %rdx
  mov 24(%rsp), %dl
  mov %rdx, ${hex(at.LOG)}(%rcx)
  add $8, %ecx
  and $0xff8, %ecx
  mov %ecx, ${LOGGED}
  mov 24(%rsp), %eax
  cmp $1, %eax
  je debug
  cmp $3, %eax
  je back
  cmp $4, %eax
  je back
  cmp $${hex(at.Service.TIMER)}, %eax
  je timer
  cmp $${hex(at.Service.NOTHING)}, %eax
  je back
  cmp $${hex(at.Service.CHANGE_RING)}, %eax
  je ring
  cmp $${hex(at.Service.END)}, %eax
  je ended
  cmp $${hex(at.Service.REMAP)}, %eax
  je remap
  movq $${hex(at.PROGRAM)}, 40(%rsp)
  movq $${hex(at.STACK_TOP)}, 64(%rsp)
  movl $0x202, 56(%rsp)
back:
  pop %rdx
  pop %rcx
  pop %rax
  add $16, %rsp
  iretq
timer:
  mov $0x20, %al
  out %al, $0x20
  jmp back
debug:
  mov ${HASH}, %rax
${mix('%dr6')}
  mov %rax, ${HASH}
  mov $0xffff0ff0, %ecx
  mov %rcx, %dr6
  incl ${TRAPS}
  testl $7, ${TRAPS}
  jnz back
  andl $~0x100, 56(%rsp)
  mov $0x400, %ecx
  mov %rcx, %dr7
  jmp back
ring:
  xorl $${at.KERNEL_CODE ^ at.USER_CODE}, 48(%rsp)
  xorl $${at.KERNEL_DATA ^ at.USER_DATA}, 72(%rsp)
  jmp back
ended:
  cli
  hlt
  jmp ended
remap:
  incl ${REMAPS}
  mov ${REMAPS}, %ecx
  and $3, %ecx
  jz 1f
  cmp $2, %ecx
  jb 2f
  je 3f
  xorl $1, ${PTE(at.ALIAS + 0x1000)}
  mov $${hex(at.ALIAS + 0x1000)}, %ecx
  jmp 4f
1: xorl $2, ${PTE(at.DATA + 0x2000)}
  mov $${hex(at.DATA + 0x2000)}, %ecx
  jmp 4f
2: xorl $0x1000, ${PTE(at.ALIAS)}
  mov $${hex(at.ALIAS)}, %ecx
  jmp 4f
3: xorl $7, ${PTE(at.DATA + 0x4000)}
  mov $${hex(at.DATA + 0x4000)}, %ecx
4: invlpg (%rcx)
  jmp back
system_call:
  mov %rsp, ${SAVED_STACK}
  mov $${hex(at.SYSCALL_STACK)}, %esp
  push %rcx
  push %r11
  push %rax
  mov ${HASH}, %rax
${mix('%rcx')}${mix('%r11')}
  mov %rax, ${HASH}
  pop %rax
  xor %rdi, %rax
  pop %r11
  pop %rcx
  mov ${SAVED_STACK}, %rsp
  sysretq
`;
}
