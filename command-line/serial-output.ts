/** Where the guest's serial port writes: gathered, so that a line is not a hundred system calls. */
import { closeSync, writeSync } from 'node:fs';
import { openForWriting } from './files';
import type { Terminal } from './terminal';

const FLUSH_BYTES = 4096;

export class SerialOutput {
  private bytes: number[] = [];

  private constructor(
    private readonly send: (data: Uint8Array) => void,
    private readonly close: () => void,
  ) {}

  /** `stdio`, or a file that is overwritten. Throws CommandError if it cannot be. */
  static open(where: string, terminal: Terminal): SerialOutput {
    if (where === 'stdio')
      return new SerialOutput(
        (data) => terminal.out(data),
        () => undefined,
      );
    const file = openForWriting(where);
    return new SerialOutput(
      (data) => void writeSync(file, data),
      () => closeSync(file),
    );
  }

  /** A byte left the UART. */
  readonly write = (byte: number): void => {
    this.bytes.push(byte);
    if (byte === 0x0a || this.bytes.length >= FLUSH_BYTES) this.flush();
  };

  flush(): void {
    if (this.bytes.length > 0) this.send(Uint8Array.from(this.bytes));
    this.bytes = [];
  }

  end(): void {
    this.flush();
    this.close();
  }
}
