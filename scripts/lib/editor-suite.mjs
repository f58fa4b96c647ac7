// Runs the suites of test/editor in a real VS Code: a desktop build where one can be had, else the browser-hosted one.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runTests, TestRunFailedError } from '@vscode/test-electron';
import { ensureBrowserWorkbench, workbench } from './browser-workbench-install.mjs';
import { downloadedEditor } from './desktop-editor.mjs';
import { out, root, samples } from './project.mjs';

/** A TCP port nobody listens on now. */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/**
 * Runs the bundled suite; `grep` chooses tests by name.
 * @returns {Promise<{ passed: number, failed: number }>} counts a run that ended without its result as one failure
 */
export async function runEditorSuite({ grep } = {}) {
  const screenshots = join(out, 'screenshots');
  mkdirSync(screenshots, { recursive: true });
  const temporary = mkdtempSync(join(tmpdir(), 'ringside-suite-'));
  const report = join(temporary, 'report.json');
  // A copy, so that no test changes the samples; without launch configurations, as a user's first program is.
  const workspace = join(temporary, 'samples');
  cpSync(samples, workspace, { recursive: true });
  rmSync(join(workspace, '.vscode', 'launch.json'), { force: true });
  const desktop = await downloadedEditor();
  // The browser-hosted editor brings the Playwright that takes the pictures; a desktop run does without them.
  if (!desktop) ensureBrowserWorkbench();
  const port = await freePort();
  try {
    await runTests({
      vscodeExecutablePath: desktop ?? join(root, 'scripts', 'vscode-in-browser.mjs'),
      extensionDevelopmentPath: root,
      extensionTestsPath: join(out, 'editor', 'index.js'),
      launchArgs: [
        workspace,
        `--remote-debugging-port=${port}`,
        `--user-data-dir=${join(temporary, 'user')}`,
        `--extensions-dir=${join(temporary, 'extensions')}`,
      ],
      extensionTestsEnv: {
        RINGSIDE_REPORT: report,
        RINGSIDE_SCREENSHOTS: screenshots,
        RINGSIDE_GREP: grep,
        ...(desktop
          ? {}
          : {
              RINGSIDE_PLAYWRIGHT: join(workbench.folder, 'node_modules', 'playwright-core'),
              RINGSIDE_BROWSER: `http://127.0.0.1:${port}`,
            }),
      },
    });
  } catch (error) {
    if (!(error instanceof TestRunFailedError)) throw error;
  }
  try {
    return JSON.parse(readFileSync(report, 'utf8'));
  } catch {
    console.error('The editor ended before its test suite did.');
    return { passed: 0, failed: 1 };
  } finally {
    rmSync(temporary, { recursive: true, force: true, maxRetries: 5 });
  }
}
