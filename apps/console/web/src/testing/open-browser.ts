import { existsSync } from "node:fs";
import type { Browser, BrowserContext, LaunchOptions, Page } from "playwright-core";
import { chromium } from "playwright-core";

/**
 * A browser without a window: the one that `CHROMIUM_PATH` names, else Playwright's own where it is installed, else the one
 * that comes as a package.
 */
export async function openBrowser(): Promise<Browser> {
  return chromium.launch(await browserOptions());
}

/** The same as a process of its own, whose work can be measured. */
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
  // Of the arguments that it comes with, most are for a cloud function, and one switches the browser's protections off.
  return { executablePath: await packed.executablePath(), args: ["--no-sandbox"] };
}

/** What the page must never do, gathered while a test runs. */
export interface WatchedPage {
  readonly page: Page;
  readonly context: BrowserContext;
  /** What the page's policy stopped, and errors that nobody caught. */
  readonly faults: string[];
}

export interface PageOptions {
  readonly baseURL: string;
  readonly theme?: "light" | "dark";
  readonly width?: number;
  readonly height?: number;
  /** As a magnified browser has it: the page is so many times smaller than the window. */
  readonly zoom?: number;
}

const WIDTH_PX = 1280;
const HEIGHT_PX = 800;
/**
 * A bound on what hangs, not on speed: on two cores a page gets its turn late while a compiler, a JVM and other tests run beside
 * it. No test of a browser waits less for what is to appear.
 */
export const ACTION_MS_MAX = 45_000;

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
