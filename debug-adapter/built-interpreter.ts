import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The interpreter's code that the build has put beside the bundle; undefined where sources run unbundled. */
export function builtInterpreter(): Uint8Array | undefined {
  const path = join(__dirname, 'interpreter.wasm');
  return existsSync(path) ? readFileSync(path) : undefined;
}
