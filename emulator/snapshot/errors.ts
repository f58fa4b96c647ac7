/** Why a snapshot cannot be resumed. */
export type SnapshotProblem =
  /** It was taken of a machine with another processor, memory size or platform. */
  | 'other-machine'
  /** It was made by another version of Ringside, whose machine is saved in another form. */
  | 'other-version';

/** A snapshot does not fit; the machine is as it was. The message says what differs and what to do. */
export class SnapshotError extends Error {
  constructor(
    readonly problem: SnapshotProblem,
    message: string,
  ) {
    super(message);
  }
}
