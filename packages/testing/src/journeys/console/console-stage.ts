import type { WatchedPage } from "@tripline/console-web/testing/open-browser";
import { openPage } from "@tripline/console-web/testing/open-browser";
import type { ControlClient } from "@tripline/system/client/control-client";
import type { RolloutClient } from "@tripline/system/client/rollout-client";
import type { TriplineClient } from "@tripline/system/client/tripline-client";
import type { Browser, Page } from "playwright-core";
import { buildPayment } from "../../support/build-payment.js";

/** Everything that a journey through the console needs: a running system and a browser. */
export interface ConsoleStage {
  readonly consoleUrl: string;
  readonly authUrl: string;
  /** Passwords of the users `demo`, who has every role, and `demo-lead`. */
  readonly passwords: { readonly demo: string; readonly lead: string };
  readonly client: Pick<TriplineClient, "send" | "sendReports" | "decideAll">;
  /** Calls auth as an administrator's client. */
  readonly auth: Pick<ControlClient, "call">;
  /** A client with an operator's rights. */
  readonly rollouts: RolloutClient;
  readonly registryUrl: string;
  readonly browser: Browser;
  /** How long services may accept a disabled user. Default: the documented 2 seconds. */
  readonly refusedMsMax?: number;
  /** Prints each step once it has taken place. */
  print(text: string): void;
  /** Takes a screenshot of a screen that exists only during the journey. */
  picture?(name: string, page: Page): Promise<void>;
}

export const DECISION_WAIT_SECONDS = 30;
const SMALL_MINOR = 1_200;
const LOOKS_MAX = 500;
const LOOK_MS = 200;

/**
 * Polls until the condition is true. @throws Error with the sentence after about 100 seconds, plus the time that the
 * checks take
 */
export async function comesTrue(sentence: string | (() => string), look: () => Promise<boolean>): Promise<void> {
  for (let looks = 0; looks < LOOKS_MAX; looks += 1) {
    if (await look()) return;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  throw new Error(typeof sentence === "string" ? sentence : sentence());
}

/** Decides a small payment at the terminal with a new card. */
export async function payAt(
  { client }: ConsoleStage,
  terminalId: string,
): Promise<{ outcome: string | undefined; reasons: string[] }> {
  const payment = buildPayment({ terminalId, amountMinor: SMALL_MINOR });
  const { decision } = await client.send(payment, DECISION_WAIT_SECONDS);
  return { outcome: decision?.outcome ?? undefined, reasons: decision?.reasons.map(({ code }) => code) ?? [] };
}

/** The menu's link to a screen. The page may have other links with the same name. */
export const menuLink = (page: Page, name: string) =>
  page.getByRole("navigation", { name: "Screens" }).getByRole("link", { name, exact: true });

/** Opens a screen from the menu, and waits until it replaces the one before. */
export async function openScreen(page: Page, name: string): Promise<void> {
  await menuLink(page, name).click();
  await page.getByRole("heading", { name, level: 1 }).waitFor();
}

/** @param code if the user has a second factor */
export async function signIn(page: Page, userName: string, password: string, code?: () => string): Promise<void> {
  await page.goto("/look-up");
  await page.getByRole("link", { name: "Sign in" }).click();
  await page.getByLabel("User name").fill(userName);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  if (code !== undefined) {
    await page.getByRole("textbox", { name: "Code" }).fill(code());
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
  }
  await page.getByRole("heading", { name: "Look up", level: 1 }).waitFor();
}

/** Signs in with the tenant's identity provider, which has one user. */
export async function signInWithCompany(page: Page, tenant: string): Promise<void> {
  await page.goto("/look-up");
  await page.getByRole("link", { name: "Sign in" }).click();
  await chooseCompany(page, tenant);
  await page.getByRole("heading", { name: "Look up", level: 1 }).waitFor();
}

export async function chooseCompany(page: Page, tenant: string): Promise<void> {
  await page.getByLabel("Organisation or e-mail address").fill(tenant);
  await page.getByRole("button", { name: "Continue with single sign-on" }).click();
}

/** @throws Error if the page failed or violated its content security policy */
export async function inBrowser(
  { browser, consoleUrl }: ConsoleStage,
  people: number,
  tell: (...pages: readonly Page[]) => Promise<void>,
): Promise<void> {
  const opened: WatchedPage[] = [];
  try {
    for (let one = 0; one < people; one += 1) opened.push(await openPage(browser, { baseURL: consoleUrl }));
    await tell(...opened.map(({ page }) => page));
  } finally {
    await Promise.all(opened.map(({ context }) => context.close()));
  }
  const faults = opened.flatMap((one) => one.faults);
  if (faults.length > 0) throw new Error(`The page reported errors: ${faults.join("; ")}`);
}
