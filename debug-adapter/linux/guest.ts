import type { KernelMessages } from './kernel-messages';

/** What is particular about a guest that is a real Linux kernel. */
export interface LinuxGuest {
  readonly messages: KernelMessages;
  /** Do not wait while the guest idles. */
  readonly fastTime: boolean;
  /** A program of the session runs as the first process. */
  readonly hasProgram: boolean;
}
