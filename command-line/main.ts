/** Entry of the bundle dist/ringside.js. */
import { ringside } from './ringside';
import { processTerminal } from './terminal';

void ringside(process.argv.slice(2), processTerminal()).then((code) => {
  // Not process.exit: what was written to a pipe must get there first.
  process.exitCode = code & 0xff;
});
