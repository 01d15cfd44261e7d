import type { Browser } from "playwright-core";
import { Api } from "./fixture-api.js";
import type { FixtureServer } from "./fixture-server.js";
import { startFixture } from "./fixture-server.js";
import { makeSession } from "./fixture-session.js";
import type { PageOptions, WatchedPage } from "./open-browser.js";
import { openBrowser, openPage } from "./open-browser.js";

/** The first start unpacks the browser, possibly on a busy machine. */
const START_MS_MAX = 240_000;

export interface ConsoleOptions {
  /** Number of cases. */
  readonly cases: number;
  /** Handler of the live stream (default: the fixture's). */
  readonly stream?: Parameters<typeof startFixture>[2];
}

/** A page of the console and its fixture. */
export interface OpenConsole extends WatchedPage {
  readonly api: Api;
  readonly fixture: FixtureServer;
}

/**
 * One browser for the tests of a file, and a new fixture for each test.
 *
 * @returns a function that opens an empty page of the test's fixture; closed after the test
 */
export function useConsole(options: ConsoleOptions): (look?: Omit<PageOptions, "baseURL">) => Promise<OpenConsole> {
  let browser: Browser;
  let api: Api;
  let fixture: FixtureServer;
  let opened: WatchedPage[];

  beforeAll(async () => {
    browser = await openBrowser();
  }, START_MS_MAX);
  beforeEach(async () => {
    opened = [];
    api = new Api(Date.now(), options.cases);
    fixture = await startFixture(api, makeSession(Date.now()), options.stream);
  });
  afterEach(async () => {
    for (const { context } of opened) await context.close();
    await fixture.close();
  });
  afterAll(() => browser?.close());

  return async (look = {}) => {
    const watched = await openPage(browser, { ...look, baseURL: fixture.url });
    opened.push(watched);
    return { ...watched, api, fixture };
  };
}
