/** What passes between a view's page (extension/webview) and its host (extension/views). */
import type {
  ExecutedInstruction,
  Hex,
  Location,
  MsrsResponse,
  PtRegsResponse,
  SyscallTableResponse,
} from '../../debug-adapter/protocol';

/** What a view shows of the active session. */
export type ViewState<Data> =
  /** No session of ours is active. */
  | { readonly kind: 'no-session' }
  /** The guest runs: there is nothing exact to show until it stops. */
  | { readonly kind: 'running' }
  /** The adapter refused; `message` is its own. */
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'stopped'; readonly data: Data };

export interface SystemCallTableData extends SyscallTableResponse {
  /** Names of all function breakpoints: a row whose handler is among them is marked. */
  readonly breakpoints: readonly string[];
}

export interface LastInstructionData {
  readonly last: ExecutedInstruction | undefined;
}

/** The data of each view, by its page's name. */
export interface ViewData {
  msrs: MsrsResponse;
  'pt-regs': PtRegsResponse;
  'system-call-table': SystemCallTableData;
  'last-instruction': LastInstructionData;
}

export type ToPage<Data> =
  | { readonly type: 'state'; readonly state: ViewState<Data> }
  /** A value the page asked to write was refused; `key` is the one of the request. */
  | { readonly type: 'write-refused'; readonly key: string; readonly message: string };

export type FromPage =
  /** The page has loaded and wants its state. */
  | { readonly type: 'ready' }
  | { readonly type: 'start-debugging' }
  | { readonly type: 'pause' }
  | { readonly type: 'go-to'; readonly location: Location }
  | { readonly type: 'toggle-function-breakpoint'; readonly name: string }
  | { readonly type: 'write-msr'; readonly key: string; readonly number: number; readonly value: Hex }
  | { readonly type: 'write-memory'; readonly key: string; readonly address: Hex; readonly value: Hex };
