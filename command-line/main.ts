/** Entry of the bundle dist/ringside.js. */
import { collectEarly } from '../debug-adapter/process-memory';
import { ringside } from './ringside';
import { processTerminal } from './terminal';

collectEarly();
void ringside(process.argv.slice(2), processTerminal()).then((code) => {
  // What was written to pipes must get there first. Without an explicit exit, V8 finishes optimizing the generated code
  // of a machine that runs no more.
  process.stdout.write('', () => process.stderr.write('', () => process.exit(code)));
});
