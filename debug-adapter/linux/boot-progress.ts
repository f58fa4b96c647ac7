/** Tells how far a boot is (DAP `progressStart`, `progressUpdate`, `progressEnd`). */
import { basename } from 'node:path';
import { Event } from '@vscode/debugadapter';
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { Target } from '../target';

const UPDATE_MS = 250;
const LONGEST_MESSAGE = 80;
export class BootProgress {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    readonly id: string,
    private readonly target: Target,
    private readonly send: (event: Event) => void,
  ) {
    const kernel = target.images.find(({ role }) => role === 'kernel');
    const title = `Booting ${basename(kernel?.path ?? 'Linux')}`;
    const body: DebugProtocol.ProgressStartEvent['body'] = { progressId: id, title, cancellable: true };
    this.send(new Event('progressStart', body));
    this.timer = setInterval(() => this.update(), UPDATE_MS);
  }

  /** The guest waits for time to pass, or for input: once a process runs, it has come up. */
  idle(): void {
    if (this.target.linux?.messages.inUserspace) this.update(true);
  }

  get isOver(): boolean {
    return this.timer === undefined;
  }

  end(): void {
    if (this.timer === undefined) return;
    clearInterval(this.timer);
    this.timer = undefined;
    this.send(new Event('progressEnd', { progressId: this.id }));
  }

  private update(isIdle = false): void {
    const messages = this.target.linux?.messages;
    if (!messages) return;
    if (isIdle || messages.isAtPrompt) {
      this.end();
      return;
    }
    const millions = Math.floor(this.target.machine.instructionCount / 1e6);
    const line = messages.lastLine.replace(/^\[[ \d.]+\] /, '').slice(0, LONGEST_MESSAGE);
    const body: DebugProtocol.ProgressUpdateEvent['body'] = {
      progressId: this.id,
      message: [`${millions} million instructions`, ...(line === '' ? [] : [line])].join(' · '),
    };
    this.send(new Event('progressUpdate', body));
  }
}
