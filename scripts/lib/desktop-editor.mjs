// Finds a desktop VS Code: `code` on the PATH, else the build @vscode/test-electron downloads.
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { downloadAndUnzipVSCode, SilentReporter } from '@vscode/test-electron';
import { cache, hasDisplay } from './project.mjs';

const DOWNLOADS = join(cache, 'vscode');
/** A file that says why the download failed the last time; it counts for a day. */
const VERDICT = join(cache, 'vscode-download-failed');
const VERDICT_VALID_MS = 24 * 60 * 60 * 1000;
/** Time without a byte from the download server after which it is given up. */
const IDLE_TIMEOUT_MS = 5000;

/**
 * Executable of a downloaded desktop VS Code, or undefined if it cannot be had on this machine (the reason is printed
 * once a day). A desktop build also needs a display.
 */
export async function downloadedEditor() {
  if (!hasDisplay()) return undefined;
  if (existsSync(VERDICT) && Date.now() - statSync(VERDICT).mtimeMs < VERDICT_VALID_MS) return undefined;
  try {
    return await downloadAndUnzipVSCode({
      cachePath: DOWNLOADS,
      timeout: IDLE_TIMEOUT_MS,
      reporter: new SilentReporter(),
    });
  } catch (error) {
    mkdirSync(cache, { recursive: true });
    writeFileSync(VERDICT, `${error}\n`);
    console.error(`Desktop VS Code could not be downloaded (${readFileSync(VERDICT, 'utf8').trim()}).`);
    return undefined;
  }
}
