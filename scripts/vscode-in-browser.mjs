#!/usr/bin/env node
// Stands in for the desktop VS Code's executable where that cannot be had: takes the command line @vscode/test-electron
// gives it, and runs the same workbench in a browser without a window. Environment: RINGSIDE_EDITOR_TIMEOUT_MS,
// RINGSIDE_EDITOR_VERBOSE=1 for the workbench's whole log.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format } from 'node:util';
import { ensureBrowserWorkbench, findChromium, workbench } from './lib/browser-workbench-install.mjs';
import { main } from './lib/project.mjs';
import { startWorkbenchServer } from './lib/workbench-server.mjs';

/** Exit codes besides those of the test run. */
const BROWSER_CRASHED = 71;
const SERVER_ENDED = 72;
const NO_RESULT = 73;
const TIMED_OUT = 124;

const verbose = Boolean(process.env.RINGSIDE_EDITOR_VERBOSE);
const timeout = Number(process.env.RINGSIDE_EDITOR_TIMEOUT_MS ?? 300_000);

/** What the workbench logs in any browser-hosted run and says nothing about the tests. */
const NOISE = [
  /^\[(AgentHost|ChatModelSelection|AccountPolicyGate|reconnection-grace-time|Service Worker)/,
  /^(Resolv(ing|ed) connection token|Creating a socket|Updating additional builtin|Ignoring fetching additional builtin)/,
  /^Error: (Could not locate the bindings file|Cannot find module '\.\/build\/Release)/,
  /getaddrinfo ENOTFOUND/,
  /^Canceled: Canceled/,
];

/** The part of the desktop's command line that matters here; unknown options are ignored, as the desktop does. */
function parse(args) {
  const options = { developmentPaths: [] };
  for (let i = 0; i < args.length; i++) {
    const match = /^--([\w-]+)(?:=(.*))?$/s.exec(args[i]);
    if (!match) {
      options.folder = resolve(args[i]);
      continue;
    }
    const value = () => match[2] ?? args[++i];
    switch (match[1]) {
      case 'extensionDevelopmentPath':
        options.developmentPaths.push(value());
        break;
      case 'extensionTestsPath':
        options.tests = resolve(value());
        break;
      case 'user-data-dir':
        options.userData = resolve(value());
        break;
      case 'extensions-dir':
        options.extensions = resolve(value());
        break;
      case 'folder-uri':
      case 'file-uri':
        options.folder = fileURLToPath(value());
        break;
      case 'remote-debugging-port':
        options.debuggingPort = Number(value());
        break;
    }
  }
  return options;
}

/**
 * The workbench reports exit code 0 even when its extension host died, so success needs a file written from inside that
 * host: this wraps the suite's entry.
 */
function wrapTests(tests, folder) {
  const result = join(folder, 'result');
  const entry = join(folder, 'run.cjs');
  writeFileSync(
    entry,
    `exports.run = async () => {
  const note = (text) => require('fs').writeFileSync(${JSON.stringify(result)}, text);
  try {
    await require(${JSON.stringify(tests)}).run();
    note('passed');
  } catch (error) {
    note('failed');
    throw error;
  }
};
`,
  );
  return { entry, outcome: () => (existsSync(result) ? readFileSync(result, 'utf8') : 'none') };
}

await main(async (args) => {
  const options = parse(args);
  ensureBrowserWorkbench();
  if (args.includes('--version')) {
    console.log(JSON.parse(readFileSync(join(workbench.server, 'package.json'), 'utf8')).version);
    return 0;
  }
  const executablePath = findChromium();
  const { chromium } = createRequire(join(workbench.folder, 'package.json'))('playwright-core');

  const temporary = mkdtempSync(join(tmpdir(), 'ringside-editor-'));
  const tests = options.tests ? wrapTests(options.tests, temporary) : undefined;
  const server = await startWorkbenchServer({ ...options, automation: true });
  const browser = await chromium.launch({
    executablePath,
    headless: true,
    args: [
      ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--force-color-profile=srgb'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
      ...(options.debuggingPort ? [`--remote-debugging-port=${options.debuggingPort}`] : []),
    ],
  });

  let interrupt;
  const interrupted = new Promise((onInterrupt) => (interrupt = onInterrupt));
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => interrupt(130));
  try {
    const page = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage();
    await page.exposeFunction('codeAutomationLog', (type, values) => {
      const text = format(...values);
      if (!verbose && NOISE.some((pattern) => pattern.test(text))) return;
      (type === 'error' || type === 'warn' ? process.stderr : process.stdout).write(`${text}\n`);
    });
    const finished = new Promise((onFinish) => {
      void page.exposeFunction('codeAutomationExit', onFinish);
      page.on('crash', () => onFinish(BROWSER_CRASHED));
      void server.ended.then(() => onFinish(SERVER_ENDED));
    });
    await page.goto(server.pageUrl({ ...options, testsPath: tests?.entry }));
    const late = new Promise((onLate) => setTimeout(onLate, timeout, TIMED_OUT).unref());
    const code = await Promise.race([finished, interrupted, late]);
    if (code === TIMED_OUT) console.error(`The editor gave no result within ${timeout} ms.`);
    if (code === 0 && tests && tests.outcome() !== 'passed') {
      console.error(`The editor ended well, but the test run left the result "${tests.outcome()}".`);
      return NO_RESULT;
    }
    return code;
  } finally {
    await browser.close().catch(() => {});
    await server.stop();
    rmSync(temporary, { recursive: true, force: true, maxRetries: 5 });
  }
});
process.exit();
