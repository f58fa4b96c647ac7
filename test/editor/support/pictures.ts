/** The editor's window through Playwright, where the run provides it: pages of views, and pictures. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { until } from './editor';

/** The few calls of Playwright used here (https://playwright.dev/docs/api). */
export interface Locator {
  count(): Promise<number>;
  first(): Locator;
  click(options?: { force?: boolean }): Promise<void>;
  dblclick(): Promise<void>;
  focus(): Promise<void>;
  textContent(): Promise<string | null>;
  innerText(): Promise<string>;
  getAttribute(name: string): Promise<string | null>;
  locator(selector: string): Locator;
  screenshot(options: { path: string }): Promise<unknown>;
  boundingBox(): Promise<{ x: number; y: number; width: number; height: number } | null>;
}

export interface Frame {
  title(): Promise<string>;
  locator(selector: string): Locator;
  url(): string;
  parentFrame(): Frame | null;
  evaluate<Result>(expression: string): Promise<Result>;
}

export interface Page {
  frames(): Frame[];
  locator(selector: string): Locator;
  keyboard: { press(key: string): Promise<void>; type(text: string): Promise<void> };
  mouse: {
    move(x: number, y: number, options?: { steps: number }): Promise<void>;
    down(): Promise<void>;
    up(): Promise<void>;
  };
  screenshot(options: { path: string }): Promise<unknown>;
  evaluate<Result>(expression: string): Promise<Result>;
  setViewportSize(size: { width: number; height: number }): Promise<void>;
}

interface Playwright {
  chromium: { connectOverCDP(url: string): Promise<{ contexts(): { pages(): Page[] }[] }> };
}

let connected: Promise<Page> | undefined;

/** The workbench's page; undefined in a run without Playwright (a desktop VS Code). */
export function workbenchPage(): Promise<Page> | undefined {
  const { RINGSIDE_PLAYWRIGHT: folder, RINGSIDE_BROWSER: url } = process.env;
  if (!folder || !url) return undefined;
  connected ??= connect(folder, url);
  return connected;
}

async function connect(folder: string, url: string): Promise<Page> {
  const { chromium } = createRequire(join(folder, 'package.json'))(folder) as Playwright;
  const browser = await chromium.connectOverCDP(url);
  const page = browser
    .contexts()
    .flatMap((context) => context.pages())
    .at(0);
  if (!page) throw new Error('the browser shows no page');
  return page;
}

/** The document inside a view's webview, found by an element that only it has. */
export async function viewFrame(page: Page, selector: string): Promise<Frame> {
  return until(`a view with ${selector}`, async () => {
    for (const frame of page.frames()) {
      try {
        if (frame.parentFrame() && (await frame.locator(selector).count()) > 0) return frame;
      } catch {
        // The frame went away while it was asked.
      }
    }
    return undefined;
  });
}

export async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env.RINGSIDE_SCREENSHOTS;
  if (folder) await page.screenshot({ path: join(folder, `${name}.png`) });
}
