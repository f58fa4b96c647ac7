/** Entry of the suite inside the extension host: VS Code calls `run`. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type Mocha from 'mocha';

const root = join(__dirname, '..', '..');

export async function run(): Promise<void> {
  // Mocha stays outside the bundle: its reporters are loaded by path.
  const load = createRequire(join(root, 'package.json'));
  const MochaClass = load('mocha') as typeof Mocha;
  const mocha = new MochaClass({
    ui: 'bdd',
    timeout: 60_000,
    reporter: join(root, 'scripts', 'lib', 'counting-reporter.cjs'),
    grep: process.env.RINGSIDE_GREP,
  });
  mocha.suite.emit('pre-require', globalThis as never, null as never, mocha);
  await import('./activation.test');
  await import('./first-session.test');
  await import('./launch-configurations.test');
  await import('./debugging.test');
  await import('./sessions.test');
  await import('./language.test');
  await import('./views.test');
  await import('./linux.test');
  await import('./whole-window.test');
  const failures = await new Promise<number>((ended) => mocha.run(ended));
  if (failures > 0) throw new Error(`${failures} editor tests failed`);
}
