// Mocha, and how many tests passed and failed.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runTool } from './project.mjs';

/** Runs Mocha with these arguments, its report printed; resolves to { passed, failed }. */
export async function unitTests(args = [], environment = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'ringside-units-'));
  const report = join(folder, 'report.json');
  try {
    // The spec reporter prints while the other one counts.
    await runTool('mocha', ['--reporter', join(import.meta.dirname, 'counting-reporter.cjs'), ...args], {
      env: { ...process.env, ...environment, RINGSIDE_REPORT: report },
    });
    return JSON.parse(readFileSync(report, 'utf8'));
  } catch {
    console.error('Mocha ended before its tests did.');
    return { passed: 0, failed: 1 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
