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
