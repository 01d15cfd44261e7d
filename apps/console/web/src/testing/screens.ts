import type { Page } from "playwright-core";

/** Every screen and how to open it, for screenshots and for checks on all screens. */
export interface ScreenOf {
  readonly name: string;
  readonly path: string;
  /** Waits until the screen shows its data. */
  readonly ready: (page: Page) => Promise<void>;
}

const heading =
  (name: string | RegExp) =>
  (page: Page): Promise<void> =>
    page.getByRole("heading", { name }).first().waitFor();

export const SCREENS: readonly ScreenOf[] = [
  { name: "queue", path: "/queue", ready: (page) => page.getByRole("link", { name: /ct_/ }).first().waitFor() },
  { name: "case", path: "/cases/20000", ready: caseReady },
  { name: "personal", path: "/cases/20000", ready: personalReady },
  { name: "verdict", path: "/cases/19999", ready: verdictReady },
  { name: "reports", path: "/reports", ready: reportsReady },
  { name: "report", path: "/reports", ready: reportReady },
  { name: "match", path: "/reports", ready: matchReady },
  { name: "payment", path: "/payments/order-1", ready: paymentReady },
  { name: "live", path: "/live", ready: liveReady },
  { name: "look-up", path: "/look-up", ready: lookedUp },
  { name: "lists", path: "/lists", ready: (page) => page.getByText("Skimmer found").first().waitFor() },
  { name: "policy", path: "/policy", ready: heading("Revisions") },
  { name: "revision", path: "/policy/revisions/3", ready: (page) => page.locator(".cm-content").waitFor() },
  { name: "draft", path: "/policy/drafts/night", ready: (page) => page.getByText("All examples pass").waitFor() },
  { name: "backtest", path: "/policy/drafts/night", ready: triedReady },
  { name: "models", path: "/models", ready: modelsReady },
  { name: "health", path: "/system", ready: (page) => page.getByText("spec-mismatch").first().waitFor() },
  { name: "return", path: "/system", ready: returnReady },
  { name: "webhooks", path: "/webhooks", ready: (page) => page.getByText("ECONNREFUSED").first().waitFor() },
  { name: "endpoint", path: "/webhooks", ready: endpointReady },
  { name: "audit", path: "/audit", ready: (page) => page.getByText("policy-activated").first().waitFor() },
  { name: "admin", path: "/admin", ready: heading("First steps") },
  { name: "person", path: "/admin", ready: personReady },
];

async function caseReady(page: Page): Promise<void> {
  await page.getByRole("heading", { name: "What moved the score" }).waitFor();
  await page.locator("canvas").first().waitFor();
  await page.locator(".react-flow__node").first().waitFor();
}

async function personalReady(page: Page): Promise<void> {
  await page.getByLabel("Reason", { exact: true }).selectOption("verify-identity");
  await page.getByRole("button", { name: "Show", exact: true }).click();
  await page.getByText("Maria Ferreira").waitFor();
}

async function verdictReady(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Fraud" }).click();
  await page.getByRole("dialog", { name: "Close as fraud" }).waitFor();
}

async function reportsReady(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Open dispute-8800" }).waitFor();
  await page.getByText("What the figures mean").click();
  await page.getByRole("button", { name: "Compare" }).click();
  await page.getByRole("cell", { name: "1,204" }).first().waitFor();
  await page.getByText("VAMP excessive: threshold exceeded").waitFor();
  await page.getByText("not enough data").first().waitFor();
  await page.getByText("Thresholds and sources").click();
}

async function reportReady(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Open dispute-8800" }).click();
  await page.getByRole("dialog", { name: "Report dispute-8800" }).getByText("order-4711").waitFor();
}

async function matchReady(page: Page): Promise<void> {
  await reportReady(page);
  await page.getByRole("button", { name: "Match with order-4713" }).click();
  await page.getByText("These fields differ: amount.").waitFor();
}

async function paymentReady(page: Page): Promise<void> {
  await page.getByText("Show JSON").click();
  await page.getByText('"specVersion": 3').waitFor();
}

async function liveReady(page: Page): Promise<void> {
  await page.locator("canvas").nth(1).waitFor();
  await page.getByRole("link", { name: /ct_/ }).first().waitFor();
}

async function lookedUp(page: Page): Promise<void> {
  await page.getByLabel("Kind").selectOption("terminal");
  await page.getByLabel("Value").fill("term-204");
  await page.getByRole("button", { name: "Look up" }).click();
  await page.getByRole("heading", { name: "Current features" }).waitFor();
}

async function triedReady(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Run on recent payments", disabled: false }).click();
  await page.getByRole("heading", { name: "Changed outcomes" }).waitFor();
  await page.getByText("22 payments would have had other payment updates").waitFor();
}

async function personReady(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Change Lin Zhao" }).click();
  await page.getByRole("dialog", { name: "Lin Zhao" }).waitFor();
}

async function endpointReady(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Change https://hooks.example.com/tripline" }).click();
  await page.getByRole("radio", { name: "Edit" }).click();
  await page.getByLabel("Description").waitFor();
}

async function returnReady(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Redrive all: spec-mismatch" }).click();
  await page.getByRole("dialog", { name: "Redrive dead letters" }).waitFor();
}

async function modelsReady(page: Page): Promise<void> {
  await page.getByText("Score distribution").waitFor();
  await page.locator("canvas").nth(2).waitFor();
}
