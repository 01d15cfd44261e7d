import { randomUUID } from "node:crypto";
import { Secret, TOTP } from "otpauth";
import type { Page } from "playwright-core";
import { buildPayment, randomCardNumber } from "../../support/build-payment.js";
import type { ConsoleStage } from "./console-stage.js";
import { comesTrue, DECISION_WAIT_SECONDS, inBrowser, openScreen, payAt, signIn } from "./console-stage.js";

const LARGE_MINOR = 150_000;
const PAYMENTS = 3;
const STOPPED = ["review", "decline"];
const STEP_MS = 30_000;

/**
 * An administrator adds an analyst, who sets up a second factor, signs in with it, and closes a case as fraud using
 * only the keyboard. The next payment at the terminal is reviewed or declined, the terminal is added to a list, and the
 * audit log is valid.
 *
 * @throws Error in one sentence that names the failed step
 */
export async function analystJourney(stage: ConsoleStage): Promise<void> {
  const { client, print } = stage;
  const terminalId = `t-${randomUUID().slice(0, 8)}`;
  const payment = buildPayment({ cardNumber: randomCardNumber(), terminalId, amountMinor: LARGE_MINOR });
  for (let sent = 0; sent < PAYMENTS; sent += 1) {
    const again = buildPayment({ ...payment, clientTransactionId: `${payment.clientTransactionId}-${sent}` });
    await client.send(again, DECISION_WAIT_SECONDS);
  }
  const before = await payAt(stage, terminalId);
  if (before.reasons.includes("TERMINAL_WITH_FRAUDS")) throw new Error("The terminal already has confirmed frauds.");
  await inBrowser(stage, 2, async (admin, page) => {
    if (admin === undefined || page === undefined) throw new Error("There is no browser.");
    await signIn(admin, "demo", stage.passwords.demo);
    const userName = `anna-${randomUUID().slice(0, 8)}`;
    const password = await letIn(admin, userName);
    await signIn(page, userName, password);
    await setUpFactor(page, userName, password);
    print(`An administrator added ${userName}, who signed in with a password and a code.`);
    await closeAsFraud(page, terminalId);
    let next: Awaited<ReturnType<typeof payAt>> = { outcome: undefined, reasons: [] };
    await comesTrue(
      () => `The next payment at the terminal was not stopped: ${next.outcome}, ${next.reasons.join(", ")}.`,
      async () => {
        next = await payAt(stage, terminalId);
        // A model that knows the terminal may be stricter than the rule.
        return STOPPED.includes(next.outcome ?? "") && next.reasons.includes("TERMINAL_WITH_FRAUDS");
      },
    );
    print(
      `The case was closed as fraud by keyboard, and the next payment at its terminal was stopped: ${next.outcome}.`,
    );
    await watch(page, terminalId);
    await auditHolds(admin);
    print("The terminal is on the watch list, and the audit log and its signatures are valid.");
  });
}

/** @returns the password, which is shown only once */
async function letIn(page: Page, userName: string): Promise<string> {
  await openScreen(page, "Admin");
  await page.getByRole("button", { name: "Add user" }).click();
  await page.getByLabel("Name", { exact: true }).fill("Anna Analyst");
  await page.getByLabel("User name").fill(userName);
  await page.getByRole("dialog").getByRole("button", { name: "Add user" }).click();
  const password = await page.locator("output").textContent();
  await page.getByRole("dialog").getByRole("button", { name: "Close" }).last().click();
  return password ?? "";
}

/** Sets up an authenticator app, and signs in again with it. */
async function setUpFactor(page: Page, userName: string, password: string): Promise<void> {
  await page.getByRole("link", { name: "Second factor" }).click();
  const key = (await page.locator("code").first().textContent()) ?? "";
  const secret = Secret.fromBase32(key.replaceAll(" ", ""));
  const code = (stepsFromNow: number): string =>
    TOTP.generate({ secret, timestamp: Date.now() + stepsFromNow * STEP_MS });
  await page.getByLabel("Password").fill(password);
  await page.getByRole("textbox", { name: "Code" }).fill(code(0));
  await page.getByRole("button", { name: "Set up" }).click();
  await page.getByRole("heading", { name: "Save your recovery codes" }).waitFor();
  await page.goto("/look-up");
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign out" }).waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("link", { name: "Sign in" }).waitFor();
  // Each code is valid once. The next step's code is accepted early, because clocks may differ.
  await signIn(page, userName, password, () => code(1));
}

async function closeAsFraud(page: Page, terminalId: string): Promise<void> {
  await openScreen(page, "Queue");
  const search = page.getByRole("searchbox");
  await search.fill(terminalId);
  await page.getByRole("status").getByText("1 case", { exact: true }).waitFor();
  await search.press("Escape");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "What moved the score" }).waitFor();
  await page.getByText("VERY_LARGE_AMOUNT").first().waitFor();
  await page.keyboard.press("a");
  await page.getByText("Assignee Anna Analyst").waitFor();
  await page.keyboard.press("f");
  await page.getByRole("radio", { name: "Card lost or stolen" }).press("Space");
  await page.getByRole("button", { name: "Label as fraud" }).press("Enter");
  await page.getByRole("region", { name: "Latest verdict" }).getByText("closed as fraud").waitFor();
}

async function watch(page: Page, terminalId: string): Promise<void> {
  await openScreen(page, "Lists");
  await page.getByRole("button", { name: "Add entry" }).click();
  const entry = page.getByRole("dialog", { name: "Add entry" });
  await entry.getByLabel("List", { exact: true }).selectOption("watch");
  await entry.getByLabel("Kind").selectOption("terminal");
  await entry.getByLabel("Value").fill(terminalId);
  await entry.getByLabel("Reason").fill("Three frauds in a row");
  await entry.getByRole("button", { name: "Add entry" }).click();
  await page.getByRole("cell", { name: "Three frauds in a row" }).first().waitFor();
}

/** The list change appears in the log shortly afterwards. */
async function auditHolds(page: Page): Promise<void> {
  const noted = page.getByRole("cell", { name: "list-entries-put" }).first();
  await comesTrue("The change of the list is not in the audit log.", async () => {
    await page.goto("/audit");
    await page.getByRole("button", { name: "Verify" }).waitFor();
    await page.waitForLoadState("networkidle");
    return noted.isVisible();
  });
  await page.getByRole("button", { name: "Verify" }).click();
  await page.getByText(/^The log is intact: [1-9]/).waitFor();
}
