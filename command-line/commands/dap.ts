/** `ringside dap`: the debug adapter on standard input and output. */
import { parseOptions, type CommandDescription } from '../options';
import { type Command, untilClientLeaves } from './command';

const description = {
  name: 'dap',
  summary: 'Speaks the Debug Adapter Protocol on standard input and output, for Neovim, Emacs and tests.',
  options: {},
  notes: [
    'The client names the program in its launch request: { "program": "/path/to/hello.S" } is enough. It ends when the client goes away.',
  ],
} as const satisfies CommandDescription;

export const dapCommand: Command = {
  description,
  async run(args) {
    parseOptions(description, args);
    const { serveStdio } = await import('../../debug-adapter');
    serveStdio();
    return untilClientLeaves();
  },
};
