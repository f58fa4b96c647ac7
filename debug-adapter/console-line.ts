const LINE_FEED = 0x0a;
/** More of a line is not kept. */
const LONGEST = 4096;

/** What a guest has written to the last line of its console, requests to the terminal included. */
export class ConsoleLine {
  private line: number[] = [];

  /** A byte the guest wrote. */
  see(byte: number): void {
    if (byte === LINE_FEED) this.line = [];
    else if (this.line.length < LONGEST) this.line.push(byte);
  }

  get bytes(): Uint8Array {
    return Uint8Array.from(this.line);
  }
}
