import { publishAltered } from "@tripline/cli/journeys/support/alter-model";
import { LiveTraffic } from "@tripline/cli/journeys/support/live-traffic";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { MODEL_NAME } from "@tripline/system/services/plan-services";
import type { Page } from "playwright-core";
import type { ConsoleStage } from "./console-stage.js";
import { comesTrue, inBrowser, openScreen, signIn } from "./console-stage.js";

const PAYMENTS_PER_SECOND = 40;
const CANARY_PERCENT = 20;
/** Guards so wide that the model owner makes the decision. */
const BLIND_GUARDS = {
  ...{ agreement_points_max: 1, outcome_ratio_max: 1_000, missing_points_max: 1, false_alarm_points_max: 1 },
  mature_labels_min: 0,
};
/** The preceding columns contain the figure's name and the champion's value. */
const CANARY_COLUMN = 2;
/** An inverted model scores nearly every payment as fraud. */
const BAD_MEAN_MIN = 0.5;

/**
 * A canary with inverted scores, which its wide guards tolerate, is visible on the Models screen, where the owner holds
 * it and rolls it back.
 *
 * @throws Error in one sentence that names the failed step
 */
export async function modelOwnerJourney(stage: ConsoleStage): Promise<void> {
  const { client, rollouts, registryUrl, print } = stage;
  const registry = openRegistry(registryUrl);
  const champion = await registry.resolve(MODEL_NAME, "champion");
  const candidate = await publishAltered(registry, champion, "inverted");
  const traffic = new LiveTraffic(client, PAYMENTS_PER_SECOND);
  try {
    await rollouts.start({
      model: MODEL_NAME,
      candidate,
      why: "journey: the inverted model",
      without_comparison: true,
      begin_with: "canary",
      steps_percent: [CANARY_PERCENT, 50],
      guards: BLIND_GUARDS,
    });
    await inBrowser(stage, 1, async (page) => {
      if (page === undefined) throw new Error("There is no browser.");
      await signIn(page, "demo", stage.passwords.demo);
      await openScreen(page, "Models");
      // A table column has the same title.
      await page.locator(".tag").getByText("Canary", { exact: true }).waitFor();
      const share = await seenBad(page);
      await stage.picture?.("models", page);
      print(`The canary scored payments with a mean of ${share}, which Models shows next to the champion's.`);
      await step(page, "Hold", "Its scores look inverted");
      await page.getByText("Held", { exact: true }).waitFor();
      await step(page, "Roll back", "Its scores are inverted");
      await page.getByText("Rolled back", { exact: true }).first().waitFor();
    });
  } finally {
    await traffic.stop();
  }
  const { stage: reached, steps } = await rollouts.status(MODEL_NAME);
  const names = steps.map(({ step: name }) => name).slice(-2);
  if (reached !== "rolled-back" || names.join() !== "hold,rollback") {
    throw new Error(`The rollout is at ${reached} after the steps ${names.join(", ")}.`);
  }
  const deciding = await registry.aliasTarget(MODEL_NAME, "champion");
  if (deciding !== champion.manifest.version) throw new Error(`The wrong version is champion: ${deciding}.`);
  print("The rollout was held and rolled back, with a reason each; the champion decides all payments again.");
}

/** @returns the candidate's mean score, as displayed */
async function seenBad(page: Page): Promise<string> {
  const mean = page
    .getByRole("row", { name: /^Mean score/ })
    .getByRole("cell")
    .nth(CANARY_COLUMN);
  let shown = "";
  await comesTrue("The Models screen does not show the candidate's high mean score.", async () => {
    shown = (await mean.textContent()) ?? "";
    return Number.parseFloat(shown) / 100 > BAD_MEAN_MIN;
  });
  return shown;
}

async function step(page: Page, name: string, why: string): Promise<void> {
  await page.getByRole("button", { name, exact: true }).click();
  const dialog = page.getByRole("dialog", { name });
  await dialog.getByLabel("Reason").fill(why);
  await dialog.getByRole("button", { name }).click();
  await dialog.waitFor({ state: "detached" });
}
