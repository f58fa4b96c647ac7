/** A client of the GDB remote serial protocol, as far as QEMU's stub is driven by it. */
import { connect, type Socket } from 'node:net';

export class GdbRemote {
  private received = '';
  private closed = false;
  private waiting: ((packet: string) => void) | undefined;

  private constructor(private readonly socket: Socket) {
    socket.setEncoding('latin1');
    socket.on('data', (data: string) => {
      this.received += data;
      this.deliver();
    });
    // The other side ends when its machine does: whoever waits for an answer gets an empty one.
    socket.on('close', () => {
      this.closed = true;
      this.waiting?.('');
    });
    socket.on('error', () => {});
  }

  /** Connects to a Unix socket, which may take a moment to appear. */
  static async open(path: string): Promise<GdbRemote> {
    for (let attempt = 0; ; attempt++) {
      try {
        const socket = await new Promise<Socket>((resolve, reject) => {
          const opening = connect(path, () => resolve(opening));
          opening.once('error', reject);
        });
        return new GdbRemote(socket);
      } catch (error) {
        if (attempt === 100) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  private deliver(): void {
    for (;;) {
      const start = this.received.indexOf('$');
      const end = this.received.indexOf('#', start);
      if (start < 0 || end < 0 || this.received.length < end + 3 || !this.waiting) return;
      const packet = this.received.slice(start + 1, end);
      this.received = this.received.slice(end + 3);
      this.socket.write('+');
      const { waiting } = this;
      this.waiting = undefined;
      waiting(packet);
    }
  }

  /** Sends a command and returns the answer. */
  async command(text: string): Promise<string> {
    if (this.closed) return '';
    let sum = 0;
    for (const character of text) sum = (sum + character.charCodeAt(0)) & 0xff;
    const answer = new Promise<string>((resolve) => {
      this.waiting = resolve;
    });
    this.socket.write(`$${text}#${sum.toString(16).padStart(2, '0')}`);
    this.deliver();
    return answer;
  }

  async readMemory(address: number, length: number): Promise<Uint8Array> {
    const data = new Uint8Array(length);
    const most = 0x800;
    for (let at = 0; at < length; at += most) {
      const count = Math.min(most, length - at);
      const answer = await this.command(`m${(address + at).toString(16)},${count.toString(16)}`);
      data.set(Buffer.from(answer, 'hex'), at);
    }
    return data;
  }

  close(): void {
    this.socket.destroy();
  }
}
