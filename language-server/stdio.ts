import { createConnection } from 'vscode-languageserver/node';
import { serve } from './server';

/** Speaks LSP on stdin and stdout; the process ends when the client says so or goes away. */
export function serveStdio(): void {
  serve(createConnection(process.stdin, process.stdout));
}
