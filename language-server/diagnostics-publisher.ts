/** Sends diagnostics when typing pauses: of the units a change concerns, for all their files. */
import type { Diagnostic } from 'vscode-languageserver';
import { diagnostics } from './features/diagnostics';
import type { Workspace } from './workspace';

/** Typing faster than this is one change. */
const PAUSE_MS = 150;

export class DiagnosticsPublisher {
  private readonly pending = new Set<string>();
  private timer: NodeJS.Timeout | undefined;
  /** For each unit, what is wrong in which file. */
  private readonly byUnit = new Map<string, ReadonlyMap<string, readonly Diagnostic[]>>();

  constructor(
    private readonly workspace: Workspace,
    private readonly send: (uri: string, diagnostics: Diagnostic[]) => void,
    /** Told of a mistake in the server itself, which must not end it. */
    private readonly failed: (error: unknown) => void,
  ) {}

  /** The open document at `path` has another text. */
  changed(path: string): void {
    this.pending.add(path);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      try {
        this.publish();
      } catch (error) {
        this.failed(error);
      }
    }, PAUSE_MS);
  }

  /** The document was closed: what only its unit told about is told no more. */
  closed(path: string): void {
    this.pending.delete(path);
    for (const unit of [...this.byUnit.keys()]) {
      const isOpen = this.workspace.files.openPaths().some((open) => this.byUnit.get(unit)?.has(open));
      if (isOpen) continue;
      this.replace(unit, new Map());
      this.byUnit.delete(unit);
      this.workspace.closed(unit);
    }
    // For the units that include it, its text is that of the disk again.
    for (const [unit, files] of this.byUnit) if (files.has(path)) this.changed(unit);
  }

  private publish(): void {
    const paths = [...this.pending];
    this.pending.clear();
    const units = new Set(paths.flatMap((path) => this.workspace.concerned(path)));
    for (const analysis of units) this.replace(analysis.path, diagnostics(analysis, this.workspace.files));
  }

  private replace(unit: string, found: ReadonlyMap<string, readonly Diagnostic[]>): void {
    const before = this.byUnit.get(unit);
    this.byUnit.set(unit, found);
    for (const path of new Set([...(before?.keys() ?? []), ...found.keys()])) {
      // A file that several units include has the errors of all of them.
      const all = [...this.byUnit.values()].flatMap((files) => files.get(path) ?? []);
      const distinct = new Map(all.map((each) => [JSON.stringify([each.range, each.message]), each]));
      this.send(this.workspace.files.uriOf(path), [...distinct.values()]);
    }
  }
}
