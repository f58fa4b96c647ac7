// Starts the server of the browser-hosted VS Code and knows its page's address.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { URLSearchParams } from 'node:url';
import { workbench } from './browser-workbench-install.mjs';
import { UserError } from './project.mjs';

const START_TIMEOUT_MS = 60_000;

/** Defaults that keep a fresh profile quiet; a profile that has settings keeps its own. */
const SETTINGS = {
  'workbench.startupEditor': 'none',
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'workbench.enableExperiments': false,
  'chat.disableAIFeatures': true,
  'extensions.autoCheckUpdates': false,
  'extensions.ignoreRecommendations': true,
  'telemetry.telemetryLevel': 'off',
  'files.watcherExclude': { '**/node_modules/**': true },
};

/**
 * @param {{ userData?: string, extensions?: string, env?: NodeJS.ProcessEnv, automation?: boolean }} options
 * `automation` exposes the hooks by which a test run reports its end.
 */
export async function startWorkbenchServer({ userData, extensions, env = process.env, automation = false }) {
  const temporary = mkdtempSync(join(tmpdir(), 'ringside-workbench-'));
  userData ??= join(temporary, 'user');
  extensions ??= join(temporary, 'extensions');
  const settings = join(userData, 'User', 'settings.json');
  if (!existsSync(settings)) {
    mkdirSync(dirname(settings), { recursive: true });
    writeFileSync(settings, `${JSON.stringify(SETTINGS, undefined, 2)}\n`);
  }

  // Other users of this machine can reach the port, but not without this.
  const token = randomBytes(16).toString('hex');
  const tokenFile = join(temporary, 'token');
  writeFileSync(tokenFile, token, { mode: 0o600 });
  const server = spawn(
    workbench.node,
    [
      join(workbench.server, 'out', 'server-main.js'),
      ...['--host', '127.0.0.1', '--port', '0', '--connection-token-file', tokenFile, '--accept-server-license-terms'],
      ...['--telemetry-level', 'off', '--disable-workspace-trust'],
      ...['--server-data-dir', join(temporary, 'server'), '--user-data-dir', userData, '--extensions-dir', extensions],
      ...(automation ? ['--enable-smoke-test-driver'] : []),
    ],
    {
      // No gallery: nothing to look up. The sockets of the server stay in its own folder.
      env: { EXTENSIONS_GALLERY: '{}', ...env, XDG_RUNTIME_DIR: temporary },
      // A process group of its own, so that its extension hosts end with it.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const ended = new Promise((onEnd) => server.on('exit', onEnd));

  async function stop() {
    if (server.exitCode === null && server.signalCode === null) {
      try {
        process.kill(-server.pid, 'SIGTERM');
      } catch {
        // It ended between the question and the signal.
      }
      await Promise.race([ended, new Promise((late) => setTimeout(late, 3000).unref())]);
    }
    rmSync(temporary, { recursive: true, force: true, maxRetries: 5 });
  }

  let log = '';
  let port;
  try {
    port = await new Promise((started, failed) => {
      function onOutput(data) {
        log += data;
        const match = /agent listening on (\d+)/.exec(log);
        if (match) started(Number(match[1]));
      }
      server.stdout.on('data', onOutput);
      server.stderr.on('data', onOutput);
      server.on('error', failed);
      void ended.then((code) => failed(new UserError(`The VS Code server ended with exit code ${code}:\n${log}`)));
      setTimeout(
        () => failed(new UserError(`The VS Code server did not start in time:\n${log}`)),
        START_TIMEOUT_MS,
      ).unref();
    });
  } catch (error) {
    await stop();
    throw error;
  }
  const authority = `127.0.0.1:${port}`;

  return {
    ended,
    stop,
    /** Address of the page that shows `folder` with the extensions under development loaded. */
    pageUrl({ folder, developmentPaths, testsPath }) {
      const remote = (path) => `vscode-remote://${authority}${encodeURI(resolve(path))}`;
      const payload = developmentPaths.map((path) => ['extensionDevelopmentPath', remote(path)]);
      if (testsPath) payload.push(['extensionTestsPath', remote(testsPath)]);
      const query = new URLSearchParams(
        folder ? { [folder.endsWith('.code-workspace') ? 'workspace' : 'folder']: folder } : { ew: 'true' },
      );
      query.set('tkn', token);
      query.set('payload', JSON.stringify(payload));
      return `http://${authority}/?${query}`;
    },
  };
}
