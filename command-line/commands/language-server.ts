/** `ringside language-server`: the language server on standard input and output. */
import { parseOptions, type CommandDescription } from '../options';
import { type Command, untilClientLeaves } from './command';

const description = {
  name: 'language-server',
  summary: 'Speaks the Language Server Protocol on standard input and output, for any editor.',
  options: {
    stdio: { help: 'accepted because clients add it; there is no other way' },
  },
} as const satisfies CommandDescription;

export const languageServerCommand: Command = {
  description,
  async run(args) {
    parseOptions(description, args);
    const { serveStdio } = await import('../../language-server');
    serveStdio();
    return untilClientLeaves();
  },
};
