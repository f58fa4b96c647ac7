/** Listings of images as documents in which breakpoints can be set. */
import * as vscode from 'vscode';
import { LISTING_SCHEME, type ListingChanged } from '../debug-adapter/protocol';
import { messageOf, request } from './requests';
import type { Sessions } from './sessions';

export class Listings implements vscode.TextDocumentContentProvider, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  private readonly disposables: vscode.Disposable[];
  /** Texts by URI: a listing stays readable after its session. */
  private readonly texts = new Map<string, string>();
  /** Sessions whose listings have been asked for anew. */
  private readonly refreshed = new Set<string>();

  readonly onDidChange = this.changed.event;

  constructor(private readonly sessions: Sessions) {
    this.disposables = [
      this.changed,
      vscode.workspace.registerTextDocumentContentProvider(LISTING_SCHEME, this),
      vscode.commands.registerCommand('ringside.openProgramListing', () => this.open('program')),
      vscode.commands.registerCommand('ringside.openKernelListing', () => this.open('kernel')),
      sessions.onDidChange(() => this.refresh()),
      vscode.debug.onDidReceiveDebugSessionCustomEvent(({ event, body }) => {
        if (event === 'ringside/listingChanged') this.changed.fire(vscode.Uri.parse((body as ListingChanged).path));
      }),
      sessions.onDidEnd((session) => this.refreshed.delete(session.id)),
    ];
  }

  dispose(): void {
    for (const disposable of this.disposables) disposable.dispose();
  }

  async provideTextDocumentContent(uri: vscode.Uri): Promise<string> {
    const path = uri.toString();
    const session = this.sessions.active;
    if (session) {
      try {
        this.texts.set(path, (await request(session, 'ringside/listing', { path })).text);
      } catch {
        // The listing of another image than this session's: the text known from before, if any, is right.
      }
    }
    return this.texts.get(path) ?? `# Start debugging ${uri.path.replace(/\.lst$/, '')} to see its listing here.\n`;
  }

  private async open(image: 'program' | 'kernel'): Promise<void> {
    const session = this.sessions.active;
    if (!session) return;
    try {
      const { path, text } = await request(session, 'ringside/listing', { image });
      const uri = vscode.Uri.parse(path);
      this.texts.set(uri.toString(), text);
      await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(uri), { preview: false });
    } catch (error) {
      void vscode.window.showErrorMessage(`The listing cannot be shown: ${messageOf(error)}`);
    }
  }

  /** At the first stop of a session the image may have changed since the last one: open listings are read anew. */
  private refresh(): void {
    const session = this.sessions.active;
    if (!session || !this.sessions.isStopped(session) || this.refreshed.has(session.id)) return;
    this.refreshed.add(session.id);
    for (const { uri } of vscode.workspace.textDocuments) if (uri.scheme === LISTING_SCHEME) this.changed.fire(uri);
  }
}
