import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { type CodeLocation, DwarfError } from '../../toolchain';
import type { Image } from '../image';
import type { LineSource } from '../symbols/lines';

/**
 * Line information of a kernel: of what size it is, it is read unit by unit when something is asked of it. Lines of
 * files that are not on this computer are left out: code without a text to show is stepped by instruction.
 */
export class KernelLines implements LineSource {
  private readonly present = new Map<string, boolean>();
  private cachedFiles: ReadonlySet<string> | undefined;
  private damaged = false;

  constructor(private readonly kernel: Pick<Image, 'debugInfo'>) {}

  at(va: bigint): CodeLocation | undefined {
    const found = this.guarded(() => this.kernel.debugInfo?.locate(va), undefined);
    return found && this.isPresent(found.location.file) ? found : undefined;
  }

  get files(): string[] {
    return [...this.known];
  }

  addresses(path: string, line: number): readonly bigint[] {
    if (!this.known.has(resolve(path))) return [];
    const found = this.guarded(() => this.kernel.debugInfo?.addressesOf(resolve(path), line), undefined);
    return found?.line === line ? found.addresses : [];
  }

  linesWithCode(path: string, first: number, last: number): number[] {
    if (!this.known.has(resolve(path))) return [];
    return this.guarded(() => this.kernel.debugInfo?.linesOf(resolve(path)) ?? [], []).filter(
      (line) => line >= first && line <= last,
    );
  }

  private get known(): ReadonlySet<string> {
    this.cachedFiles ??= new Set(
      this.guarded(() => this.kernel.debugInfo?.files ?? [], [])
        .filter((file) => this.isPresent(file))
        .map((file) => resolve(file)),
    );
    return this.cachedFiles;
  }

  private isPresent(file: string): boolean {
    let present = this.present.get(file);
    if (present === undefined) this.present.set(file, (present = existsSync(file)));
    return present;
  }

  /** Damaged line information is as good as none: the session goes on by symbols. */
  private guarded<T>(read: () => T, otherwise: T): T {
    if (this.damaged) return otherwise;
    try {
      return read();
    } catch (error) {
      if (!(error instanceof DwarfError)) throw error;
      this.damaged = true;
      return otherwise;
    }
  }
}
