import type { DebugProtocol } from '@vscode/debugprotocol';

/** What the client said about itself in `initialize`: how it counts lines and columns, which events it knows. */
export class ClientView {
  private readonly firstLine: number;
  private readonly firstColumn: number;
  readonly memoryEvents: boolean;
  readonly invalidatedEvents: boolean;
  readonly progress: boolean;

  constructor(args: Partial<DebugProtocol.InitializeRequestArguments>) {
    this.firstLine = args.linesStartAt1 === false ? 0 : 1;
    this.firstColumn = args.columnsStartAt1 === false ? 0 : 1;
    this.memoryEvents = args.supportsMemoryEvent ?? false;
    this.invalidatedEvents = args.supportsInvalidatedEvent ?? false;
    this.progress = args.supportsProgressReporting ?? false;
  }

  /** Lines and columns count from 1 inside the adapter. */
  toClientLine(line: number): number {
    return line - 1 + this.firstLine;
  }
  fromClientLine(line: number): number {
    return line + 1 - this.firstLine;
  }
  toClientColumn(column: number): number {
    return column - 1 + this.firstColumn;
  }
  fromClientColumn(column: number): number {
    return column + 1 - this.firstColumn;
  }
}
