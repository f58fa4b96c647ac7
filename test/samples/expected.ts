/** What each program prints, as its README says. */
export const programs: Readonly<Record<string, string>> = {
  'hello-syscall/hello.S': 'Hello, ring 0!\n',
  'sysret-or-iret/sysret-or-iret.S': `0 all checks hold
  rcx LANDED r11 202 cs 33 ss 2b: no difference to be seen from ring 3
1 rcx is not rip
  rcx cafe r11 202 cs 33 ss 2b: IRET, SYSRET cannot do that
2 rip is not canonical
  SIGSEGV at 800000000000
3 cs is not 0x33
  rcx LANDED r11 202 cs 23 ss 2b: IRET, SYSRET cannot do that
4 r11 is not rflags
  rcx LANDED r11 f1a9 cs 33 ss 2b: IRET, SYSRET cannot do that
5 RF is set
  rcx LANDED r11 10202 cs 33 ss 2b: no difference to be seen from ring 3
6 ss is not 0x2b
  rcx LANDED r11 202 cs 33 ss 63: IRET, SYSRET cannot do that
7 TF is set
  one trap at stuck_here: IRET
`,
  'int80-and-sysenter/int80-and-sysenter.S': `int $0x80 in 64-bit code
int $0x80 in 32-bit code
__kernel_vsyscall in 32-bit code
syscall in 64-bit code
`,
};

/** Code addresses depend on the assembler's choices; what matters is that it is the place the frame led to. */
export function withoutAddresses(terminal: string): string {
  return terminal.replace(/rcx 40[0-9a-f]{4} /g, 'rcx LANDED ');
}

export interface Fault {
  readonly name: string;
  readonly statement: string;
  readonly signal: number;
  /** What the kernel prints. */
  readonly report: RegExp;
}

const SIGILL = 4;
const SIGTRAP = 5;
const SIGFPE = 8;
const SIGSEGV = 11;

/** Ways for a program to fault. Error codes are the SDM's, volume 3, chapter 6. */
export const faults: readonly Fault[] = [
  { name: '#DE', statement: 'xorl %eax, %eax; divl %eax', signal: SIGFPE, report: /^#DE divide error in ring 3, / },
  {
    name: '#DB',
    statement: 'pushfq; orl $0x100, (%rsp); popfq; nop',
    signal: SIGTRAP,
    report: /^#DB debug exception in ring 3, /,
  },
  { name: '#BP', statement: 'int3', signal: SIGTRAP, report: /^#BP breakpoint in ring 3, / },
  { name: '#UD', statement: 'ud2', signal: SIGILL, report: /^#UD invalid opcode in ring 3, / },
  { name: '#GP', statement: 'hlt', signal: SIGSEGV, report: /^#GP general protection in ring 3, error code 0000\n/ },
  // 8 * 13, with bit 1 for the IDT; QEMU counts 16 bytes for an entry and says 0xd2.
  {
    name: '#GP of INT n',
    statement: 'int $13',
    signal: SIGSEGV,
    report: /^#GP general protection in ring 3, error code 00(6a|d2)\n/,
  },
  {
    name: '#GP of a jump to an address that is not canonical',
    statement: 'movabsq $0x800000000000, %rax; jmp *%rax',
    signal: SIGSEGV,
    report: /^#GP general protection in ring 3, error code 0000\n/,
  },
  {
    name: '#PF',
    statement: 'movl $0, 0x1234',
    signal: SIGSEGV,
    report: /^#PF page fault in ring 3, error code 0006\n[^]* cr2 0000000000001234\n$/,
  },
  {
    name: '#PF in the kernel, which is not there',
    statement: 'movb 0xffffffff80108000, %al',
    signal: SIGSEGV,
    report: /^#PF page fault in ring 3, error code 0004\n/,
  },
  {
    name: '#PF on its own code',
    statement: 'movb $0, _start(%rip)',
    signal: SIGSEGV,
    report: /^#PF page fault in ring 3, error code 0007\n/,
  },
  {
    name: '#PF executing data',
    statement: 'jmp *%rsp',
    signal: SIGSEGV,
    report: /^#PF page fault in ring 3, error code 0015\n/,
  },
  {
    name: '#PF without a stack',
    statement: 'xorl %esp, %esp; pushq %rax',
    signal: SIGSEGV,
    report: /^#PF page fault in ring 3, error code 0006\n/,
  },
];

export function faultingProgram(statement: string): string {
  return `.globl _start\n_start: ${statement}\nhlt\n`;
}
