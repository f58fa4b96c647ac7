import type { KernelMessages } from './kernel-messages';

/** A file for a snapshot, and which inputs it is made of. */
export interface SnapshotPlace {
  readonly path: string;
  readonly key: string;
}

/** What is particular about a guest that is a real Linux kernel. */
export interface LinuxGuest {
  readonly messages: KernelMessages;
  /** Do not wait while the guest idles. */
  readonly fastTime: boolean;
  /** A program of the session runs as the first process. */
  readonly hasProgram: boolean;
  /** Where a snapshot goes once the guest has booted; undefined if none is wanted, or there is one. */
  readonly save?: SnapshotPlace;
}
