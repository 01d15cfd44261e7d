import { Refusal } from "./fixture-request.js";
import { makeSession } from "./fixture-session.js";
import { useConsole } from "./use-console.js";

const openConsole = useConsole({ cases: 1 });

test("redrives dead letters by selection and by error code, and shows errors in the dialog", async () => {
  const { page, fixture, faults } = await openConsole();
  await page.goto("/system");
  const letters = page.getByRole("region", { name: "transactions: 4" });
  await letters.getByLabel("Select dead letter 12 of transactions").check();
  expect(await letters.getByLabel("Select dead letter 11 of transactions").isDisabled()).toBe(true);
  await letters.getByRole("button", { name: "Redrive 1 dead letter" }).click();
  const dialog = page.getByRole("dialog", { name: "Redrive dead letters" });
  await dialog.getByText("1 record is put back on transactions").waitFor();
  fixture.failing.set("dead-letters/return", new Refusal(409, "state-conflict", "Another return is under way."));
  await dialog.getByRole("button", { name: "Redrive dead letters" }).click();
  await dialog.getByRole("alert").getByText("Another return is under way.").first().waitFor();
  fixture.failing.clear();
  await dialog.getByRole("button", { name: "Redrive dead letters" }).click();
  await page.getByText("1 record redriven.").waitFor();
  const fewer = page.getByRole("region", { name: "transactions: 3" });
  await fewer.getByRole("button", { name: "Redrive all: spec-mismatch" }).click();
  await dialog.getByRole("button", { name: "Redrive dead letters" }).click();
  await page.getByText("2 records redriven.").waitFor();
  // Dead letters from a compacted topic stay.
  const table = page.getByRole("region", { name: "lists: 1" });
  expect(await table.getByRole("checkbox").count()).toBe(0);
  expect(await table.getByRole("button").count()).toBe(0);
  expect(faults).toEqual([]);
});

test("lets users with read access view dead letters but not redrive them, and shows others only the number", async () => {
  const { page, fixture } = await openConsole();
  fixture.session = makeSession(Date.now(), ["decisions:read", "operations:read"]);
  await page.goto("/system");
  const letters = page.getByRole("region", { name: "transactions: 4" });
  await letters.getByText("spec-mismatch").first().waitFor();
  expect(await letters.getByRole("button").count()).toBe(0);
  fixture.session = makeSession(Date.now(), ["decisions:read"]);
  await page.goto("/live");
  fixture.asked.length = 0;
  await page.goto("/system");
  await page.getByRole("cell", { name: "transactions.dlq" }).waitFor();
  expect(fixture.asked.filter((asked) => asked.includes("/control/"))).toEqual([]);
});

test("shows what the archive did or why it failed, and which services have processed erasures", async () => {
  const { page, faults } = await openConsole();
  await page.goto("/system");
  const jobs = page.getByRole("table", { name: "Archive" });
  await jobs.getByRole("row", { name: /^Write decisions Failed The file cannot be written/ }).waitFor();
  await jobs.getByRole("row", { name: /^Merge daily files Done 11520 files from 8 days merged into 9/ }).waitFor();
  await jobs.getByRole("row", { name: /^Write drift-detected Not yet/ }).waitFor();
  // The console is one notification behind: it has not read the newest one.
  const erasures = page.getByRole("table", { name: "Erasures" });
  await erasures.getByRole("columnheader", { name: "console" }).waitFor();
  const ends = [/^ct_00.* Not notified yet Waiting Waiting$/, /^ct_01.* Done Waiting$/, /^ct_02.* Done Done$/];
  for (const name of ends) await erasures.getByRole("row", { name }).waitFor();
  expect(faults).toEqual([]);
});

test("shows champion, canary and shadow side by side, with the guards' verdicts", async () => {
  const { page } = await openConsole();
  await page.goto("/models");
  const region = page.getByRole("region", { name: "Side by side" }).first();
  await region.getByRole("row", { name: "Metric Champion Canary Shadow" }).waitFor();
  await region.getByRole("row", { name: "Precision 71.0% 74.0% –" }).waitFor();
  await region.getByText(/24,800 payments before .+ 95 % of labels arrive within 9 days\./).waitFor();
  await region.getByRole("listitem").filter({ hasText: "Latency" }).getByText("OK").waitFor();
});

test("shows the model cards of champion and candidate, and the days with drift", async () => {
  const { page, fixture, faults } = await openConsole();
  await page.goto("/models");
  await page.getByRole("heading", { name: "Model card" }).waitFor();
  await page.getByText("Card precision at 100 per day").waitFor();
  await page.getByLabel("Model", { exact: true }).selectOption("2026-11-26-b");
  await page.getByRole("definition").getByText("2026-11-26-b").waitFor();
  expect(fixture.asked).toContain("GET /api/models/2026-11-26-b");
  const segments = page.getByRole("table", { name: "Performance by segment" });
  await segments.getByRole("row", { name: /^UTC 00:00 to 06:00 .* Too few frauds Too few frauds 1\.04 / }).waitFor();
  await page.getByRole("region", { name: "Drift" }).getByText("Amounts and the payments").first().waitFor();
  expect(faults).toEqual([]);
});
