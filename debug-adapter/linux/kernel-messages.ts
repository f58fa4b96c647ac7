/**
 * What a Linux kernel tells of its own state on its console (init/main.c, kernel/panic.c, kernel/reboot.c,
 * arch/x86/kernel/dumpstack.c).
 */

/** Longest line that is kept: the rest of a longer one is dropped. */
const LONGEST_LINE = 1000;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** What stands before the cursor when somebody is asked to type. */
const PROMPT = /(?:[#$%>]|login:|[Pp]assword:) ?$/;
/** Escape sequences, such as a shell's question where the cursor is (ECMA-48, section 5.4). */
const TERMINAL_REQUEST = new RegExp(`${String.fromCharCode(0x1b)}\\[[0-9;?]*[@-~]`, 'g');

/** Reads along what the guest writes to its console. */
export class KernelMessages {
  /** Why the kernel gave up; undefined as long as it did not. */
  panic: string | undefined;
  /** The report of a panic is complete. */
  panicReported = false;
  /** Where the last exception in the kernel came that it reported: `function+offset/size`. */
  fault: string | undefined;
  /** The call stack it reported last, innermost function first, each as `function+offset`. */
  callTrace: readonly string[] = [];
  poweredDown = false;
  halted = false;
  restarting = false;
  /** The kernel has started its first process. */
  inUserspace = false;
  /** The last line that is complete and not empty. */
  lastLine = '';

  private bytes: number[] = [];

  /** A byte the guest wrote. */
  see(byte: number): void {
    if (byte === LINE_FEED) {
      this.line(this.currentLine);
      this.bytes = [];
    } else if (byte !== CARRIAGE_RETURN && this.bytes.length < LONGEST_LINE) this.bytes.push(byte);
  }

  /** What is written of a line that has not ended yet. */
  get currentBytes(): Uint8Array {
    return Uint8Array.from(this.bytes);
  }

  /** Somebody is asked to type. */
  get isAtPrompt(): boolean {
    return PROMPT.test(this.currentLine.replace(TERMINAL_REQUEST, ''));
  }

  private get currentLine(): string {
    return new TextDecoder().decode(this.currentBytes);
  }

  private line(text: string): void {
    if (text.trim() !== '') this.lastLine = text;
    const panic = /(?<!end )Kernel panic - not syncing: (.*)/.exec(text);
    if (panic) this.panic ??= panic[1];
    if (text.includes('---[ end Kernel panic')) this.panicReported = true;
    this.fault = /RIP: 0010:(\S+)/.exec(text)?.[1] ?? this.fault;
    this.seeCallTrace(text);
    if (text.includes('reboot: Power down')) this.poweredDown = true;
    if (text.includes('reboot: System halted')) this.halted = true;
    if (text.includes('reboot: Restarting system')) this.restarting = true;
    if (/Run \S+ as init process/.test(text)) this.inUserspace = true;
  }
  /** Functions follow the heading, one a line; a question mark is before what the kernel only found on its stack. */
  private seeCallTrace(line: string): void {
    if (/Call Trace:$/.test(line)) this.callTrace = [];
    const frame = /(?:^|\] ) (\S+\+0x[0-9a-f]+)\/0x[0-9a-f]+/.exec(line)?.[1];
    if (frame !== undefined) this.callTrace = [...this.callTrace, frame];
  }
}

/**
 * Status of the first process (wait(2)), whose end makes the kernel panic; undefined if it panicked for another reason.
 */
export function initExitCode(panic: string): number | undefined {
  const match = /Attempted to kill init! exitcode=0x([0-9a-f]+)/.exec(panic);
  return match ? Number.parseInt(match[1], 16) : undefined;
}
