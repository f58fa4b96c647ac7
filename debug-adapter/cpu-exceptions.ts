/** The exceptions of the processor (SDM vol. 3, table 6-1 and section 6.15) in a user's words. */

export interface CpuException {
  readonly vector: number;
  /** `#PF`. */
  readonly mnemonic: string;
  readonly name: string;
  /** What it means and what usually causes it. */
  readonly explanation: string;
}

/** The vectors at which a debugger can stop. */
export const CPU_EXCEPTIONS: readonly CpuException[] = (
  [
    [0, '#DE', 'divide error', 'DIV or IDIV by zero, or a quotient that does not fit its register.'],
    [1, '#DB', 'debug exception', 'A single-step trap (RFLAGS.TF) or a debug register matched; DR6 tells which.'],
    [3, '#BP', 'breakpoint', 'INT3 was executed.'],
    [4, '#OF', 'overflow', 'INTO was executed with RFLAGS.OF set.'],
    [5, '#BR', 'BOUND range exceeded', 'BOUND found its index out of range.'],
    [6, '#UD', 'invalid opcode', 'The bytes are no instruction this processor knows in this mode, or UD2.'],
    [7, '#NM', 'device not available', 'x87 or SSE code ran while CR0.TS or CR0.EM is set.'],
    [8, '#DF', 'double fault', 'A second exception arose while the processor was delivering one.'],
    [10, '#TS', 'invalid TSS', 'A task-state segment, or a stack segment named in it, is not usable.'],
    [11, '#NP', 'segment not present', 'A segment or gate descriptor has its P bit clear.'],
    [12, '#SS', 'stack-segment fault', 'A stack access is out of its segment, or to a non-canonical address.'],
    [
      13,
      '#GP',
      'general protection',
      'A protection rule without an exception of its own was broken: a privileged instruction in ring 3, a bad selector, a non-canonical address, a reserved bit.',
    ],
    [14, '#PF', 'page fault', 'The page tables do not allow this access.'],
    [16, '#MF', 'x87 floating-point error', 'An unmasked x87 exception is pending.'],
    [17, '#AC', 'alignment check', 'A misaligned access in ring 3 with CR0.AM and RFLAGS.AC set.'],
    [18, '#MC', 'machine check', 'The hardware reported an internal error.'],
    [19, '#XM', 'SIMD floating-point exception', 'An unmasked SSE exception occurred.'],
    [20, '#VE', 'virtualization exception', 'An EPT violation was turned into an exception.'],
    [21, '#CP', 'control protection', 'Control-flow enforcement found a bad return address or a missing ENDBR.'],
  ] as const
).map(([vector, mnemonic, name, explanation]) => ({ vector, mnemonic, name, explanation }));

export function cpuException(vector: number): CpuException {
  return (
    CPU_EXCEPTIONS.find((each) => each.vector === vector) ?? {
      vector,
      mnemonic: vector === 2 ? 'NMI' : `vector ${vector}`,
      name: vector === 2 ? 'non-maskable interrupt' : 'interrupt',
      explanation: '',
    }
  );
}

/** What #CP found (SDM vol. 3, section 6.15, interrupt 21). */
const CONTROL_PROTECTION: Readonly<Record<number, string>> = {
  1: 'RET found another return address on the shadow stack',
  2: 'far RET or IRET found another return address on the shadow stack, or its pointer is misaligned',
  3: 'an indirect branch went to an instruction that is not ENDBR',
  4: 'RSTORSSP found no restore token',
  5: 'SETSSBSY found no token, or one that is busy',
};

/** The bits of an error code in words (SDM vol. 3, 6.13; for #PF figure 4-12). */
export function describeErrorCode(vector: number, errorCode: number): string {
  const hex = `0x${errorCode.toString(16)}`;
  if (vector === 14) {
    const who = errorCode & 4 ? 'user code (ring 3)' : 'the kernel (ring 0 to 2)';
    const what = errorCode & 16 ? 'fetching an instruction from' : errorCode & 2 ? 'writing to' : 'reading from';
    const why =
      errorCode & 8
        ? 'a page-table entry with a reserved bit set'
        : errorCode & 32
          ? 'a page its protection key forbids'
          : errorCode & 64
            ? 'a page that breaks the shadow-stack rules'
            : errorCode & 1
              ? 'a page that is mapped but does not allow it'
              : 'a page that is not mapped';
    return `error code ${hex}: ${who} was ${what} ${why}`;
  }
  if (vector === 21) return `error code ${hex}: ${CONTROL_PROTECTION[errorCode] ?? 'unknown'}`;
  if (vector === 8 || vector === 17) return `error code ${hex} (always 0)`;
  if (errorCode === 0) return 'error code 0: no particular selector';
  const table = errorCode & 2 ? 'IDT' : errorCode & 4 ? 'LDT' : 'GDT';
  const index = errorCode >> 3;
  const place =
    table === 'IDT'
      ? `gate ${index} of the IDT`
      : `selector 0x${(errorCode & 0xfff8).toString(16)} (entry ${index} of the ${table})`;
  return `error code ${hex}: ${place}${errorCode & 1 ? ', while an external event was delivered' : ''}`;
}
