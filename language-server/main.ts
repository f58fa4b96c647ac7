/** The language server as a process of its own: the client says on the command line how it talks, else it is stdio. */
import { createConnection, ProposedFeatures } from 'vscode-languageserver/node';
import { serve } from './server';
import { serveStdio } from './stdio';

const namesTransport = process.argv.some((argument) => /^--(?:node-ipc|socket|pipe)/.test(argument));
if (namesTransport) serve(createConnection(ProposedFeatures.all));
else serveStdio();
