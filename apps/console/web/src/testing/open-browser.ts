import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Browser, BrowserContext, LaunchOptions, Page } from "playwright-core";
import { chromium } from "playwright-core";

/** A headless browser: from `CHROMIUM_PATH`, else Playwright's own if installed, else the packaged one. */
export async function openBrowser(): Promise<Browser> {
  return chromium.launch(await browserOptions());
}

/** The same browser as a separate process, so that its CPU time can be measured. */
export async function openBrowserProcess(): Promise<{ browser: Browser; pid: number; close(): Promise<void> }> {
  const server = await chromium.launchServer(await browserOptions());
  const { pid } = server.process();
  if (pid === undefined) throw new Error("the browser has no process");
  return { browser: await chromium.connect(server.wsEndpoint()), pid, close: () => server.close() };
}

async function browserOptions(): Promise<LaunchOptions> {
  // biome-ignore lint/style/noProcessEnv: which browser there is depends on the machine
  const named = process.env.CHROMIUM_PATH;
  if (named !== undefined) return { executablePath: named };
  if (existsSync(chromium.executablePath())) return {};
  const { default: packed } = await import("@sparticuz/chromium");
  // Most of the package's default arguments are for cloud functions, and one disables the browser's protections.
  return { executablePath: await packed.executablePath(), args: ["--no-sandbox"] };
}

/** Errors of the page, collected during a test. */
export interface WatchedPage {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Violations of the page's policy, and uncaught errors. */
  readonly faults: string[];
}

export interface PageOptions {
  readonly baseURL: string;
  readonly theme?: "light" | "dark";
  readonly width?: number;
  readonly height?: number;
  /** Simulates zoom by making the page smaller than the window by this factor. */
  readonly zoom?: number;
}

const WIDTH_PX = 1280;
const HEIGHT_PX = 800;
/**
 * This limit detects hangs, not slowness, because on two busy cores, a page may respond late. All browser tests use it.
 */
export const ACTION_MS_MAX = 120_000;

export async function openPage(browser: Browser, options: PageOptions): Promise<WatchedPage> {
  const { baseURL, theme = "light", width = WIDTH_PX, height = HEIGHT_PX, zoom = 1 } = options;
  const context = await browser.newContext({
    baseURL,
    colorScheme: theme,
    viewport: { width: Math.round(width / zoom), height: Math.round(height / zoom) },
    deviceScaleFactor: zoom,
    locale: "en-GB",
    timezoneId: "Europe/Berlin",
    reducedMotion: "reduce",
  });
  context.setDefaultTimeout(ACTION_MS_MAX);
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (message) => {
    if (/Content Security Policy|Content-Security-Policy/.test(message.text())) faults.push(message.text());
  });
  return { page, context, faults };
}

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly target: readonly unknown[]; readonly failureSummary: string }[];
}

/**
 * Violations of WCAG 2.2 AA on a page, with element and reason. The debugger runs axe, so the page's content security
 * policy does not apply.
 */
export async function findViolations(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const run = `axe.run(document, { runOnly: ${JSON.stringify(RULES)}, resultTypes: ["violations"] }).then((found) => found.violations)`;
  const violations = (await page.evaluate(run)) as readonly Violation[];
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id} ${JSON.stringify(target)} ${failureSummary}`),
  );
}
