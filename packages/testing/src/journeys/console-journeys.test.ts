import { readFileSync } from "node:fs";
import { openBrowser, openPage } from "@tripline/console-web/testing/open-browser";
import type { Browser, Page } from "playwright-core";
import { buildPayment, randomCardNumber } from "../support/build-payment.js";
import type { InProcessSystem } from "../support/in-process-system.js";
import { startInProcess } from "../support/in-process-system.js";
import { testModel } from "../support/test-model.js";

const START_MS_MAX = 240_000;
const JOURNEY_MS_MAX = 180_000;
const LARGE_MINOR = 150_000;
const SMALL_MINOR = 1_200;
const PAYMENTS = 3;
const DECISION_WAIT_SECONDS = 20;
const LOOKS_MAX = 100;
const LOOK_MS = 200;

const SHIPPED = readFileSync(new URL("../../../../apps/decisions/policy.yaml", import.meta.url), "utf8");
const NEW_RULE = `rules:
  - id: everything-is-looked-at
    when: amount >= 0
    reason: EVERYTHING_IS_LOOKED_AT
    action: review
    text: The amount is {amount}.
`;

describe("journeys in the console", () => {
  let system: InProcessSystem;
  let browser: Browser;

  beforeAll(async () => {
    const { registryUrl } = await testModel();
    browser = await openBrowser();
    system = await startInProcess({ registryUrl, hasControl: true, hasConsole: true });
  }, START_MS_MAX);
  afterAll(async () => {
    await browser?.close();
    await system?.close();
  });

  /** What the next small payment at the terminal, of a card without a past, is decided as. */
  async function payAt(terminalId: string): Promise<{ outcome: string | undefined; reasons: string[] }> {
    const { decision } = await system.client.send(
      buildPayment({ terminalId, amountMinor: SMALL_MINOR }),
      DECISION_WAIT_SECONDS,
    );
    return { outcome: decision?.outcome ?? undefined, reasons: decision?.reasons.map(({ code }) => code) ?? [] };
  }

  async function signIn(page: Page, userName: string, password: string): Promise<void> {
    await page.goto("/policy");
    await page.getByRole("link", { name: "Sign in" }).click();
    await page.getByLabel("User name").fill(userName);
    await page.getByLabel("Password").fill(password);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("heading", { name: "Policy", level: 1 }).waitFor();
  }

  /** Writes a draft and keeps it as the next revision. */
  async function saveRevision(page: Page, text: string, note: string): Promise<void> {
    await page.goto("/policy");
    await page.getByLabel("Name of the new draft").fill(note);
    await page.getByRole("button", { name: "Write" }).click();
    await page.getByRole("textbox", { name: "Policy text" }).focus();
    await page.keyboard.press("ControlOrMeta+a");
    await page.keyboard.press("Delete");
    await page.keyboard.insertText(text);
    await page.getByText("Valid. The examples go as they say.").waitFor();
    await page.getByRole("button", { name: "Save draft" }).click();
    await page.getByText("Saved, version 1.").waitFor();
    await page.getByLabel("Note").fill(note);
    await page.getByRole("button", { name: "Save as revision" }).click();
    await page.waitForURL(/policy\/revisions\//);
  }

  /** Until the next decision says so. */
  async function looksAtEverything(wanted: boolean): Promise<void> {
    for (let look = 0; look < LOOKS_MAX; look += 1) {
      const { reasons } = await payAt("t-anywhere");
      if (reasons.includes("EVERYTHING_IS_LOOKED_AT") === wanted) return;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    throw new Error("The policy of before decides still.");
  }

  async function confirm(page: Page, action: string, dialog: RegExp): Promise<void> {
    await page.getByRole("button", { name: action }).click();
    const opened = page.getByRole("dialog", { name: dialog });
    await opened.getByRole("button", { name: /^(Approve|Activate)$/ }).click();
    await opened.waitFor({ state: "detached" });
  }

  /** The change of the list is in the log a moment later. */
  async function auditHolds(page: Page): Promise<void> {
    const noted = page.getByRole("cell", { name: "list-entries-put" }).first();
    for (let look = 0; look < LOOKS_MAX && !(await noted.isVisible()); look += 1) {
      await page.goto("/audit");
      await page.getByRole("button", { name: "Verify" }).waitFor();
      await page.waitForLoadState("networkidle");
    }
    await page.getByRole("button", { name: "Verify" }).click();
    await page.getByText(/^The log holds: [1-9]/).waitFor();
  }

  test(
    "an analyst signs in, closes a case as fraud by keyboard, sees the next payment at the terminal reviewed, watches it, and the audit log holds",
    async () => {
      const { page, context, faults } = await openPage(browser, { baseURL: system.consoleUrl });
      const payment = buildPayment({ cardNumber: randomCardNumber(), amountMinor: LARGE_MINOR });
      for (let sent = 0; sent < PAYMENTS; sent += 1) {
        const again = buildPayment({ ...payment, clientTransactionId: `${payment.clientTransactionId}-${sent}` });
        await system.client.send(again, DECISION_WAIT_SECONDS);
      }
      expect((await payAt(payment.terminalId)).reasons).not.toContain("TERMINAL_WITH_FRAUDS");

      await signIn(page, "demo", system.passwords.demo);
      await page.getByRole("link", { name: "Queue" }).click();
      const search = page.getByRole("searchbox");
      await search.fill(payment.terminalId);
      await page.getByRole("status").getByText("1 cases").waitFor();
      await search.press("Escape");
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: "What moved the score" }).waitFor();
      await page.getByText("VERY_LARGE_AMOUNT").first().waitFor();
      await page.keyboard.press("a");
      await page.getByText("Assignee Demo").waitFor();
      await page.keyboard.press("f");
      await page.getByRole("dialog", { name: "Close as fraud" }).getByLabel("Note").press("Shift+Tab");
      await page.keyboard.press("ArrowDown");
      await page.getByRole("button", { name: "Label as fraud" }).press("Enter");
      await page.getByText("Closed as fraud", { exact: true }).waitFor();

      let next = await payAt(payment.terminalId);
      for (let look = 0; look < LOOKS_MAX && !next.reasons.includes("TERMINAL_WITH_FRAUDS"); look += 1) {
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
        next = await payAt(payment.terminalId);
      }
      expect(next).toMatchObject({ outcome: "review", reasons: expect.arrayContaining(["TERMINAL_WITH_FRAUDS"]) });

      await page.getByRole("link", { name: "Lists" }).click();
      await page.getByRole("button", { name: "Add entry" }).click();
      const entry = page.getByRole("dialog", { name: "Add entry" });
      await entry.getByLabel("List", { exact: true }).selectOption("watch");
      await entry.getByLabel("Kind").selectOption("terminal");
      await entry.getByLabel("Value").fill(payment.terminalId);
      await entry.getByLabel("Reason").fill("Three frauds in a row");
      await entry.getByRole("button", { name: "Add entry" }).click();
      await page.getByRole("cell", { name: "Three frauds in a row" }).waitFor();

      await auditHolds(page);
      await context.close();
      expect(faults).toEqual([]);
    },
    JOURNEY_MS_MAX,
  );

  test(
    "an author's revision waits for another person, decides once it is activated, and is rolled back",
    async () => {
      const author = await openPage(browser, { baseURL: system.consoleUrl });
      const approver = await openPage(browser, { baseURL: system.consoleUrl });
      await signIn(author.page, "demo", system.passwords.demo);
      await signIn(approver.page, "demo-lead", system.passwords.lead);
      await approver.page.getByRole("checkbox", { name: /has to approve/ }).click();
      await approver.page.getByRole("checkbox", { name: /has to approve/, checked: true }).waitFor();

      const { page } = author;
      await saveRevision(page, SHIPPED, "shipped");
      await approver.page.goto("/policy/revisions/1");
      await confirm(approver.page, "Approve", /^Approve revision/);
      await confirm(page, "Activate", /^Activate revision/);
      await page.getByText("in force", { exact: true }).waitFor();

      await saveRevision(page, SHIPPED.replace(/^rules:\n/m, NEW_RULE), "stricter");
      expect(await page.getByRole("button", { name: "Approve" }).isDisabled()).toBe(true);
      await page.getByRole("button", { name: "Activate" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Activate" }).click();
      await page.getByRole("alert").getByText("Another person has to approve it first").waitFor();
      await page.keyboard.press("Escape");
      await approver.page.goto("/policy/revisions/2");
      await confirm(approver.page, "Approve", /^Approve revision/);
      await confirm(page, "Activate", /^Activate revision/);
      await looksAtEverything(true);

      await page.goto("/policy/revisions/1");
      await confirm(page, "Roll back to this", /^Activate revision 1/);
      await looksAtEverything(false);
      await author.context.close();
      await approver.context.close();
      expect([...author.faults, ...approver.faults]).toEqual([]);
    },
    JOURNEY_MS_MAX,
  );
});
