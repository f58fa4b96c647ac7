/** The guest's serial output on its way to the client: gathered, so that a line is not a hundred events. */

const FLUSH_MS = 20;

export class SerialOutput {
  private bytes: number[] = [];
  private timer: NodeJS.Timeout | undefined;

  /** `send` gets all bytes since the last call. */
  constructor(private readonly send: (data: Uint8Array) => void) {}

  /** One byte left the UART. */
  readonly write = (byte: number): void => {
    this.bytes.push(byte);
    this.timer ??= setTimeout(() => this.flush(), FLUSH_MS);
  };

  /** Sends what is there now, so that it comes before a stop that follows. */
  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.bytes.length === 0) return;
    const data = Uint8Array.from(this.bytes);
    this.bytes = [];
    this.send(data);
  }
}
