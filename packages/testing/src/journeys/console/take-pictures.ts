import { randomUUID } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { buildPayment, randomCardNumber } from "../../support/build-payment.js";
import { CONSOLE_JOURNEYS } from "./console-journeys.js";
import type { ConsoleStage } from "./console-stage.js";
import { comesTrue, DECISION_WAIT_SECONDS, inBrowser, signIn } from "./console-stage.js";

const QUALITY_PERCENT = 80;
const HEIGHT_PX = 900;
/** Maximum height of a picture of a screen that is taller than the window. */
const LONG_PX = 1_900;
const LIVE_MS = 20_000;
const REPORTS = 6;

interface Screen {
  readonly name: string;
  /** Opens the screen and waits until it shows its data. */
  readonly open: (page: Page) => Promise<void>;
}

const heading = (page: Page, name: string): Promise<void> => page.getByRole("heading", { name }).first().waitFor();
const visit = (path: string, name: string) => async (page: Page) => {
  await page.goto(path);
  await heading(page, name);
};

const SCREENS: readonly Screen[] = [
  { name: "overview", open: openOverview },
  { name: "live", open: openLive },
  { name: "queue", open: openQueue },
  { name: "case", open: openCase },
  { name: "reports", open: openReports },
  { name: "entity", open: openEntity },
  { name: "lists", open: visit("/lists", "Lists") },
  { name: "policy", open: visit("/policy", "Revisions") },
  { name: "health", open: visit("/system", "Archive") },
  { name: "audit", open: visit("/audit", "Audit") },
  { name: "admin", open: visit("/admin", "Users") },
];

/**
 * Runs the journeys through the console, so that there are lists, revisions, a rollout and an audit log in addition to
 * the traffic. Takes a screenshot of each screen in both themes, named `queue-light.webp` and so on.
 */
export async function takePictures(stage: ConsoleStage, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const picture = (name: string, page: Page) => takePicture(page, folder, name);
  for (const [name, tell] of Object.entries(CONSOLE_JOURNEYS)) {
    await tell({ ...stage, picture }).catch((error: Error) => {
      stage.print(`Pictures of the journey ${name} are missing: ${error.message.split("\n")[0]}`);
    });
  }
  await sendAmbiguousReports(stage);
  await inBrowser(stage, 1, async (page) => {
    if (page === undefined) throw new Error("There is no browser.");
    await signIn(page, "demo", stage.passwords.demo);
    for (const { name, open } of SCREENS) {
      await open(page);
      await picture(name, page);
      stage.print(`${name} is in the picture.`);
    }
  });
}

/** Each report could be about either of two payments, so a user decides. */
async function sendAmbiguousReports({ client }: ConsoleStage): Promise<void> {
  const reports = Array.from({ length: REPORTS }, () => {
    const cardNumber = randomCardNumber();
    return { payments: [buildPayment({ cardNumber }), buildPayment({ cardNumber })], cardNumber };
  });
  for (const payment of reports.flatMap(({ payments }) => payments)) await client.send(payment, DECISION_WAIT_SECONDS);
  await client.sendReports(
    reports.map(({ payments, cardNumber }) => ({
      report_id: `dispute-${randomUUID().slice(0, 8)}`,
      kind: "chargeback",
      reason_code: "10.4",
      card: { number: cardNumber },
      amount: { minor: payments[0]?.amountMinor ?? 0, currency: "EUR" },
      occurred_at: new Date(payments[0]?.occurredAtMs ?? 0).toISOString(),
      file: "chargebacks.csv",
    })),
  );
}

/** Tripline tries to match reports every ten seconds. */
async function openReports(page: Page): Promise<void> {
  await comesTrue("Reports does not show the reports.", async () => {
    await page.goto("/reports");
    await heading(page, "Reports");
    await page.waitForLoadState("networkidle");
    return (await page.getByRole("button", { name: /^Open dispute-/ }).count()) >= REPORTS;
  });
  await page.getByRole("button", { name: "Compare" }).click();
  await page.getByText("What the figures mean").click();
  await page.getByRole("cell", { name: "chargebacks.csv" }).first().waitFor();
}

async function takePicture(page: Page, folder: string, name: string): Promise<void> {
  const size = page.viewportSize();
  const session = await page.context().newCDPSession(page);
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    const lengthPx = Number(await page.evaluate("document.documentElement.scrollHeight"));
    await page.setViewportSize({
      width: size?.width ?? 0,
      height: Math.min(LONG_PX, Math.max(HEIGHT_PX, lengthPx)),
    });
    await page.waitForLoadState("networkidle").catch(() => undefined);
    const { data } = await session.send("Page.captureScreenshot", { format: "webp", quality: QUALITY_PERCENT });
    await writeFile(join(folder, `${name}-${colorScheme}.webp`), Buffer.from(data, "base64"));
  }
  await page.emulateMedia({ colorScheme: "light" });
  if (size !== null) await page.setViewportSize(size);
}

async function openOverview(page: Page): Promise<void> {
  await page.goto("/overview");
  await page.locator("canvas").nth(1).waitFor();
}

async function openLive(page: Page): Promise<void> {
  await page.goto("/live");
  await page.locator("canvas").nth(1).waitFor();
  // Lets the charts collect some history.
  await page.waitForTimeout(LIVE_MS);
}

async function openQueue(page: Page): Promise<void> {
  await page.goto("/queue");
  await page.getByRole("row").nth(1).waitFor();
}

/** The case with the highest score. */
async function openCase(page: Page): Promise<void> {
  await page.getByLabel("Sort by").selectOption({ label: "Highest score" });
  await page.getByRole("row").nth(1).getByRole("link").click();
  await heading(page, "What moved the score");
  await page.locator(".react-flow__node").first().waitFor();
  const hints = page.getByRole("button", { name: "Hide the hints" });
  if (await hints.isVisible()) await hints.click();
}

/** The terminal of that case. */
async function openEntity(page: Page): Promise<void> {
  await page.getByRole("region", { name: "Payment", exact: true }).getByRole("link").first().click();
  await heading(page, "Current features");
}
