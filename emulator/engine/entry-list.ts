/** Up to so many entries are forgotten one by one; beyond that a whole table is cleared. */
const FEW = 512;

/** What has been entered in a table since it was last cleared, as far as it is worth remembering. */
export class EntryList {
  readonly entries = new Int32Array(FEW);
  /** So many of `entries` count; one more if there have been too many. Set it to 0 to begin anew. */
  count = 0;

  add(entry: number): void {
    if (this.count > FEW) return;
    this.entries[this.count++] = entry;
  }

  /** Not all are there. */
  get overflown(): boolean {
    return this.count > FEW;
  }
}
