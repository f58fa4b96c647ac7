/** Port 80h: the power-on self-test code, which guests also write to pass a microsecond. */
import type { Bus, PortDevice } from './bus';

export const POST_CODE_PORT = 0x80;

export class PostCode implements PortDevice {
  readonly widest = 1;
  /** The last value written. */
  code = 0;

  static attach(bus: Bus): PostCode {
    const device = new PostCode();
    bus.claimPorts(POST_CODE_PORT, POST_CODE_PORT, device);
    return device;
  }

  save() {
    return { code: this.code };
  }

  restore({ code }: ReturnType<PostCode['save']>): void {
    this.code = code;
  }

  read(_port: number, _size: 1 | 2 | 4): number {
    return this.code;
  }

  write(_port: number, _size: 1 | 2 | 4, value: number): void {
    this.code = value;
  }
}
