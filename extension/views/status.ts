/** The status item: ring, mode, page tables and instruction count at the current stop. */
import * as vscode from 'vscode';
import type { CpuResponse } from '../../debug-adapter/protocol';
import { request } from '../requests';
import type { Sessions } from '../sessions';

const PRIORITY = 50;

export class StatusItem implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem('ringside.cpu', vscode.StatusBarAlignment.Left, PRIORITY);
  private readonly subscription: vscode.Disposable;

  constructor(private readonly sessions: Sessions) {
    this.item.name = 'Ringside: Processor';
    this.item.command = 'ringside.lastInstruction.focus';
    this.subscription = sessions.onDidChange(() => void this.refresh());
  }

  dispose(): void {
    this.subscription.dispose();
    this.item.dispose();
  }

  private async refresh(): Promise<void> {
    const session = this.sessions.active;
    if (!session) {
      this.item.hide();
      return;
    }
    // While a step runs the old text stays: it is replaced a few milliseconds later.
    if (!this.sessions.isStopped(session)) return;
    try {
      const cpu = await request(session, 'ringside/cpu');
      this.item.text = text(cpu);
      this.item.tooltip = tooltip(cpu, session.name);
      this.item.accessibilityInformation = { label: `Processor: ${text(cpu).replace(/\$\([^)]*\)/g, '')}` };
      this.item.show();
    } catch {
      // The guest went on before it answered: the next stop asks again.
    }
  }
}

const ADDRESS_SPACE = { kernel: 'kernel CR3', user: 'user CR3', shared: 'shared CR3', none: 'no paging' };

function text(cpu: CpuResponse): string {
  const icon = cpu.ring === 0 ? '$(shield)' : '$(account)';
  const count = cpu.instructionCount.toLocaleString('en-US');
  return `${icon} Ring ${cpu.ring} · ${cpu.mode} · ${ADDRESS_SPACE[cpu.addressSpace]} · ${count} instructions`;
}

function tooltip(cpu: CpuResponse, name: string): vscode.MarkdownString {
  const rows = [
    ['Privilege level', `ring ${cpu.ring}`],
    ['Mode', cpu.mode],
    ['CR3', `\`${cpu.cr3}\` (${ADDRESS_SPACE[cpu.addressSpace]})`],
    ['RIP', `\`${cpu.instructionPointer}\``],
    ['Instructions', cpu.instructionCount.toLocaleString('en-US')],
    ['CPU model', cpu.model],
  ];
  const table = rows.map(([label, value]) => `| ${label} | ${value} |`).join('\n');
  return new vscode.MarkdownString(`**${name}**\n\n| | |\n|---|---|\n${table}`);
}
