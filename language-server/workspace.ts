/** Analyses of the sources a user works on, made when asked for and kept while nothing they read has changed. */
import { analyse, covers, isFresh, type Analysis } from './analysis';
import { isUnit, type SourceFiles } from './source-files';

export class Workspace {
  private readonly analyses = new Map<string, Analysis>();

  constructor(readonly files: SourceFiles) {}

  /** The analysis of one unit, up to date. */
  unit(path: string): Analysis {
    const known = this.analyses.get(path);
    if (known && isFresh(known, this.files)) return known;
    const analysis = analyse(path, this.files);
    this.analyses.set(path, analysis);
    return analysis;
  }

  /**
   * The analysis that explains the file: its own, or for a file that others include that of one of them, open ones
   * first. A file that nobody includes is taken for a unit.
   */
  explaining(path: string): Analysis {
    if (isUnit(path)) return this.unit(path);
    for (const candidate of this.possibleUnits(path)) {
      const analysis = this.unit(candidate);
      if (covers(analysis, path)) return analysis;
    }
    return this.unit(path);
  }

  /** Open units that the file's text belongs to; without any, the one that explains it. */
  concerned(path: string): Analysis[] {
    const open = this.files.openPaths().filter(isUnit);
    const units = open.map((unit) => this.unit(unit)).filter((analysis) => covers(analysis, path));
    return units.length > 0 ? units : [this.explaining(path)];
  }

  /** The other units in the folder, in which symbols may be defined. */
  siblings(path: string): Analysis[] {
    return this.files
      .siblings(path)
      .filter((sibling) => sibling !== path)
      .map((sibling) => this.unit(sibling));
  }

  /** Lets go of analyses of files that are not open and in no open file's folder. */
  closed(path: string): void {
    this.analyses.delete(path);
  }

  private possibleUnits(path: string): string[] {
    const open = this.files.openPaths().filter(isUnit);
    return [...new Set([...open, ...this.files.siblings(path)])];
  }
}
