import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { pathToFileURL } from 'node:url';
import type { Diagnostic, DocumentSymbol, Hover, InitializeResult, Location } from 'vscode-languageserver';
import { createConnection } from 'vscode-languageserver/node';
import { serve } from '../../language-server/server';

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: unknown;
}

/** An editor at the other end of a server in this process, speaking LSP's wire format. */
class Client {
  private readonly toServer = new PassThrough();
  private readonly answers = new Map<number, (message: Message) => void>();
  private readonly published: { uri: string; diagnostics: Diagnostic[] }[] = [];
  private waiting: (() => void) | undefined;
  private received = Buffer.alloc(0);
  private nextId = 1;

  constructor() {
    const fromServer = new PassThrough();
    fromServer.on('data', (chunk: Buffer) => this.receive(chunk));
    serve(createConnection(this.toServer, fromServer));
  }

  request<Result>(method: string, params: unknown): Promise<Result> {
    const id = this.nextId++;
    return new Promise((resolve) => {
      this.answers.set(id, ({ result }) => resolve(result as Result));
      this.send({ id, method, params });
    });
  }

  notify(method: string, params: unknown): void {
    this.send({ method, params });
  }

  /** The next diagnostics the server publishes. */
  async diagnostics(): Promise<{ uri: string; diagnostics: Diagnostic[] }> {
    for (;;) {
      const next = this.published.shift();
      if (next) return next;
      await new Promise<void>((resolve) => (this.waiting = resolve));
    }
  }

  private send(message: Message): void {
    const body = JSON.stringify({ jsonrpc: '2.0', ...message });
    this.toServer.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  }

  private receive(chunk: Buffer): void {
    this.received = Buffer.concat([this.received, chunk]);
    for (;;) {
      const header = /^[^]*?Content-Length: (\d+)[^]*?\r\n\r\n/.exec(this.received.toString('latin1'));
      if (!header) return;
      const end = header[0].length + Number(header[1]);
      if (this.received.length < end) return;
      const message = JSON.parse(this.received.subarray(header[0].length, end).toString()) as Message;
      this.received = this.received.subarray(end);
      if (message.method === 'textDocument/publishDiagnostics') {
        this.published.push(message.params as { uri: string; diagnostics: Diagnostic[] });
        this.waiting?.();
      } else if (message.id !== undefined) this.answers.get(message.id)?.(message);
    }
  }
}

const uri = pathToFileURL('/w/a.S').href;

describe('Language server', () => {
  it('serves an editor: diagnostics as one types, outline, definition, hover', async () => {
    const client = new Client();
    const { capabilities } = await client.request<InitializeResult>('initialize', {
      processId: null,
      rootUri: null,
      capabilities: {},
    });
    assert.ok(capabilities.hoverProvider && capabilities.definitionProvider && capabilities.documentSymbolProvider);
    client.notify('initialized', {});
    client.notify('textDocument/didOpen', {
      textDocument: { uri, languageId: 'gas', version: 1, text: '_start:\n\tbadly\n\tjmp\t_start\n' },
    });
    const first = await client.diagnostics();
    assert.equal(first.uri, uri);
    assert.equal(first.diagnostics[0]?.range.start.line, 1);

    client.notify('textDocument/didChange', {
      textDocument: { uri, version: 2 },
      contentChanges: [
        { range: { start: { line: 1, character: 1 }, end: { line: 1, character: 6 } }, text: 'syscall' },
      ],
    });
    assert.deepEqual((await client.diagnostics()).diagnostics, []);

    const textDocument = { uri };
    const symbols = await client.request<DocumentSymbol[]>('textDocument/documentSymbol', { textDocument });
    assert.deepEqual(
      symbols.map(({ name }) => name),
      ['_start'],
    );
    const definition = await client.request<Location[]>('textDocument/definition', {
      textDocument,
      position: { line: 2, character: 7 },
    });
    assert.equal(definition[0]?.range.start.line, 0);
    const hover = await client.request<Hover>('textDocument/hover', {
      textDocument,
      position: { line: 1, character: 3 },
    });
    assert.match(JSON.stringify(hover.contents), /IA32_LSTAR/);
    await client.request('shutdown', undefined);
  });

  it('tells of mistakes in the folders that are open, not in other files', async () => {
    const client = new Client();
    const folder = (path: string): { uri: string; name: string } => ({ uri: pathToFileURL(path).href, name: path });
    await client.request<InitializeResult>('initialize', {
      processId: null,
      rootUri: null,
      capabilities: { workspace: { workspaceFolders: true } },
      workspaceFolders: [folder('/w')],
    });
    client.notify('initialized', {});
    const open = (path: string): void =>
      client.notify('textDocument/didOpen', {
        textDocument: { uri: pathToFileURL(path).href, languageId: 'gas', version: 1, text: '\tbadly\n' },
      });
    open('/kernel/entry_64.S');
    open('/w/b.S');
    assert.equal((await client.diagnostics()).uri, pathToFileURL('/w/b.S').href);

    client.notify('workspace/didChangeWorkspaceFolders', { event: { added: [folder('/v')], removed: [folder('/w')] } });
    open('/w/c.S');
    open('/v/c.S');
    assert.equal((await client.diagnostics()).uri, pathToFileURL('/v/c.S').href);
    await client.request('shutdown', undefined);
  });
});
