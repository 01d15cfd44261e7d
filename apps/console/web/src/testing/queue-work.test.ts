import { setTimeout as delay } from "node:timers/promises";
import { changes } from "./fixture-server.js";
import { useConsole } from "./use-console.js";

const CASES = 3_000;
const ROWS_IN_DOCUMENT_MAX = 80;
const SETTLED_MS = 500;

const openConsole = useConsole({ cases: CASES });

test("scrolls through thousands of cases with few rows in the document; the filters are in the URL, but not the search text", async () => {
  const { page } = await openConsole();
  await page.goto("/queue");
  await page.getByText("3,000 cases").waitFor();
  const rows = page.getByRole("rowgroup");
  await rows.hover();
  await rows.evaluate((element) => element.scrollTo(0, 200 * 50));
  await page.locator("[aria-rowindex='205']").waitFor();
  expect(await page.getByRole("row").count()).toBeLessThan(ROWS_IN_DOCUMENT_MAX);
  await page.getByLabel("Outcome").selectOption("decline");
  await page.getByRole("checkbox", { name: "Past due" }).check();
  const searched = page.waitForRequest(/outcome=decline.*search=ct_0/);
  await page.getByRole("searchbox").fill("ct_0");
  await searched;
  await page.waitForURL(/outcome=decline/);
  expect(new URL(page.url()).search).not.toContain("ct_0");
  await page.getByRole("button", { name: "Save view" }).click();
  await page.getByLabel("View name").fill("Late declines");
  await page.getByRole("dialog").getByRole("button", { name: "Save view" }).click();
  await page.getByRole("link", { name: "Late declines" }).waitFor();
});

test("Escape leaves the search field, and keys act on the results", async () => {
  const { page, api } = await openConsole();
  await page.goto("/queue");
  await page.getByText("3,000 cases").waitFor();
  const wanted = "19000";
  await page.getByRole("searchbox").fill(api.detail(wanted).cardToken);
  await page.getByText("1 case", { exact: true }).waitFor();
  await page.getByRole("searchbox").press("Escape");
  // Long enough for the response to a request without the search to arrive.
  await delay(SETTLED_MS);
  expect(await page.getByText("1 case", { exact: true }).count()).toBe(1);
  await page.keyboard.press("Enter");
  await page.waitForURL(`**/cases/${wanted}`);
});

test("changes several cases in one request, and lists those that were rejected", async () => {
  const { page, api, fixture } = await openConsole();
  await page.goto("/queue");
  await page.getByRole("row").nth(3).waitFor();
  await page.keyboard.press("x");
  await page.keyboard.press("j");
  await page.keyboard.press("x");
  const [first = ""] = await page
    .getByRole("checkbox", { checked: true })
    .evaluateAll((boxes) => boxes.map((box) => box.getAttribute("aria-label")?.replace("Select case ", "") ?? ""));
  api.change(first, {});
  const bulk = page.getByRole("region", { name: "Selected cases" });
  await bulk.getByRole("button", { name: "Assign to me" }).click();
  await bulk.getByText("1 case updated. 1 case could not be changed:").waitFor();
  await bulk.getByRole("listitem").getByText(first).waitFor();
  expect(changes(fixture)).toEqual(["POST /api/cases/bulk"]);
});

test("names a selected case that a colleague closed, even after it left the list", async () => {
  const { page, api } = await openConsole();
  await page.goto("/queue");
  await page.getByRole("row").nth(3).waitFor();
  await page.keyboard.press("x");
  const label = await page.getByRole("checkbox", { checked: true }).first().getAttribute("aria-label");
  const id = label?.replace("Select case ", "") ?? "";
  api.change(id, { status: "closed" });
  const bulk = page.getByRole("region", { name: "Selected cases" });
  await bulk.getByRole("button", { name: "Assign to me" }).click();
  await page.getByText("2,999 cases").waitFor();
  await bulk.getByRole("listitem").getByText(id).waitFor();
  expect(await bulk.getByRole("button", { name: "Assign to me" }).count()).toBe(0);
  await bulk.getByRole("button", { name: "Clear" }).click();
  await bulk.waitFor({ state: "detached" });
});

test("regression #32: a narrow screen shows score, reasons, due time and assignee", async () => {
  const { page } = await openConsole({ width: 390 });
  await page.goto("/queue");
  const row = page.getByRole("row").nth(1);
  await row.waitFor();
  for (const cell of ["outcome", "score", "amount", "card", "reasons", "due", "assignee"]) {
    expect([cell, await row.locator(`.cell-${cell}`).isVisible()]).toEqual([cell, true]);
  }
});

test("sends an amount filter in whole minor units", async () => {
  const { page } = await openConsole();
  await page.goto("/queue");
  const asked = page.waitForRequest(/\/api\/cases\?.*amountMinorMin=2005(&|$)/);
  await page.getByLabel("Amount from").pressSequentially("20.05");
  await asked;
  expect(await page.getByLabel("Amount from").inputValue()).toBe("20.05");
  // The typed amount is a different number of minor units in a currency without decimals.
  const inYen = page.waitForRequest(/\/api\/cases\?(?=.*currency=JPY)(?=.*amountMinorMin=20(&|$))/);
  await page.getByLabel("Currency").selectOption("JPY");
  await inYen;
  expect(await page.getByLabel("Amount from").inputValue()).toBe("20");
});
