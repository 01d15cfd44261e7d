import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import type { ConsoleStage } from "./console-stage.js";
import { comesTrue, inBrowser, payAt, signIn } from "./console-stage.js";

const SHIPPED = readFileSync(new URL("../../../../../apps/decisions/policy.yaml", import.meta.url), "utf8");
const NEW_RULE = `rules:
  - id: everything-is-looked-at
    when: amount >= 0
    reason: EVERYTHING_IS_LOOKED_AT
    action: review
    text: The amount is {amount}.
`;

/**
 * An author backtests a draft on recent payments and saves it as a revision. Another user approves the revision. Once
 * active, it decides payments, and it is then rolled back.
 *
 * @throws Error in one sentence that names the failed step
 */
export async function ruleAuthorJourney(stage: ConsoleStage): Promise<void> {
  await inBrowser(stage, 2, async (page, approver) => {
    if (page === undefined || approver === undefined) throw new Error("There is no browser.");
    await payAt(stage, "t-anywhere");
    await signIn(page, "demo", stage.passwords.demo);
    await signIn(approver, "demo-lead", stage.passwords.lead);
    await approver.goto("/policy");
    await approver.getByRole("checkbox", { name: /must approve/ }).click();
    await approver.getByRole("checkbox", { name: /must approve/, checked: true }).waitFor();

    await saveRevision(page, SHIPPED, "shipped");
    await approver.goto("/policy/revisions/1");
    await confirm(approver, "Approve", /^Approve revision/);
    await confirm(page, "Activate", /^Activate revision/);
    await page.getByText("active", { exact: true }).waitFor();
    stage.print("Policies now require a second approver, and the shipped policy is active as revision 1.");

    await saveRevision(page, SHIPPED.replace(/^rules:\n/m, NEW_RULE), "stricter", backtest);
    stage.print("A stricter draft was backtested on recent payments: the report shows the hits of its rule.");
    if (!(await page.getByRole("button", { name: "Approve" }).isDisabled())) {
      throw new Error("An author can approve their own revision.");
    }
    await page.getByRole("button", { name: "Activate" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Activate" }).click();
    await page.getByRole("alert").getByText("Another user must approve this first").waitFor();
    await page.keyboard.press("Escape");
    stage.print("The stricter revision cannot be activated until another user approves it.");
    await approver.goto("/policy/revisions/2");
    await confirm(approver, "Approve", /^Approve revision/);
    await confirm(page, "Activate", /^Activate revision/);
    await looksAtEverything(stage, true);
    stage.print("After a colleague's approval, it was activated and decided the next payment.");

    await page.goto("/policy/revisions/1");
    await confirm(page, "Roll back to this", /^Activate revision 1/);
    await looksAtEverything(stage, false);
    stage.print("After a rollback on the screen, the shipped policy decides again.");
  });
}

/** Waits until the backtest reports the new rule's hits on existing payments. */
async function backtest(page: Page): Promise<void> {
  const region = page.getByRole("region", { name: "Backtest" });
  await comesTrue("The backtest does not show the hits of the new rule.", async () => {
    await region.getByRole("button", { name: "Run on recent payments", disabled: false }).click();
    await region.getByRole("status").or(region.getByText("No payments yet")).waitFor();
    return region.getByRole("cell", { name: "everything-is-looked-at" }).isVisible();
  });
}

/** Writes a draft, backtests it if requested, and saves it as the next revision. */
async function saveRevision(page: Page, text: string, note: string, tryIt?: typeof backtest): Promise<void> {
  await page.goto("/policy");
  await page.getByLabel("Draft name").fill(note);
  await page.getByRole("button", { name: "Create draft" }).click();
  await page.getByRole("textbox", { name: "Policy text" }).focus();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.press("Delete");
  await page.keyboard.insertText(text);
  await page.getByText("Valid. All examples pass.").waitFor();
  await tryIt?.(page);
  await page.getByRole("button", { name: "Save draft" }).click();
  await page.getByText("Saved, version 1.").waitFor();
  await page.getByLabel("Note").fill(note);
  await page.getByRole("button", { name: "Save as revision" }).click();
  await page.waitForURL(/policy\/revisions\//);
}

async function confirm(page: Page, action: string, dialog: RegExp): Promise<void> {
  await page.getByRole("button", { name: action }).click();
  const opened = page.getByRole("dialog", { name: dialog });
  await opened.getByRole("button", { name: /^(Approve|Activate)$/ }).click();
  await opened.waitFor({ state: "detached" });
}

/** Waits until the next decision shows the change. */
function looksAtEverything(stage: ConsoleStage, wanted: boolean): Promise<void> {
  return comesTrue("The previous policy is still in effect.", async () => {
    const { reasons } = await payAt(stage, "t-anywhere");
    return reasons.includes("EVERYTHING_IS_LOOKED_AT") === wanted;
  });
}
