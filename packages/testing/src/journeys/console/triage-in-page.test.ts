import type { FakeService } from "@tripline/console/testing/fake-service";
import { startFakeService } from "@tripline/console/testing/fake-service";
import type { TestBed } from "@tripline/console/testing/test-bed";
import { startTestBed } from "@tripline/console/testing/test-bed";
import type { TestPerson } from "@tripline/console/testing/test-issuer";
import { eventually, newCard, testPayment } from "@tripline/console/testing/test-records";
import { findViolations, openBrowser, openPage } from "@tripline/console-web/testing/open-browser";
import type { Page } from "playwright-core";
import { z } from "zod";

/** Tests in a browser, with the real backend, how users work through a queue. */

const START_MS_MAX = 240_000;

let bed: TestBed;
let ingestion: FakeService;
let browser: Awaited<ReturnType<typeof openBrowser>>;
const opened: Awaited<ReturnType<typeof openPage>>[] = [];

beforeAll(async () => {
  ingestion = await startFakeService();
  ingestion.answer = { status: 202, body: {} };
  bed = await startTestBed({
    CONTROL_URL: ingestion.url,
    INGESTION_URL: ingestion.url,
    VERDICT_HOLD_SECONDS: "60",
  });
  browser = await openBrowser();
}, START_MS_MAX);
afterEach(async () => {
  for (const { context } of opened.splice(0)) await context.close();
});
afterAll(async () => {
  await browser?.close();
  await bed?.close();
  ingestion?.close();
});

/** Opens a page as a signed-in user. */
async function openAs(person: TestPerson, path: string, width = 1280) {
  bed.issuer.person = person;
  const watched = await openPage(browser, { baseURL: bed.service.url, width });
  opened.push(watched);
  await watched.page.goto(`/session/sign-in?to=${encodeURIComponent(path)}`);
  return watched;
}

/** An analyst of a new tenant, so that each test has its own queue. */
function newAnalyst(name: string): TestPerson {
  const { analyst } = bed.people;
  return { ...analyst, id: `${analyst.id}-${name}`, tenant: `${bed.tenant}-${name}` };
}

async function newCase(tenant: string, amountMinor: number) {
  const card = newCard();
  const payment = testPayment(tenant, { card, amountMinor });
  await bed.producer.send([payment.vector, payment.decision]);
  const row = z.object({ id: z.string() });
  const [found] = await eventually(async () => {
    const rows = await bed.database.query(row, "SELECT id FROM console.cases WHERE card_token = $1", [card]);
    expect(rows).toHaveLength(1);
    return rows;
  });
  return { card, id: found?.id ?? "" };
}

async function closeAs(page: Page, key: "f" | "g", reason: string): Promise<void> {
  await page.getByRole("heading", { name: "What moved the score" }).waitFor();
  await page.keyboard.press(key);
  const dialog = page.getByRole("dialog", { name: /^Close as/ });
  await dialog.getByRole("radio", { name: reason }).check();
  await dialog.getByRole("button", { name: /^Label as/ }).click();
}

const labelsOf = (card: string): unknown[] =>
  ingestion.seen.flatMap(({ body }) => (JSON.stringify(body)?.includes(card) ? [body] : []));

async function takeEffect(id: string): Promise<void> {
  for (const change of ["case_outbox SET held_until_ms", "label_outbox SET next_try_at_ms"]) {
    await bed.database.execute(`UPDATE console.${change} = 0 WHERE case_id = $1`, [id]);
  }
}

describe("after a verdict", () => {
  test("the next case in the filtered queue opens, and a key undoes the verdict", async () => {
    const ana = newAnalyst("next");
    const [large, small, middle] = [
      await newCase(ana.tenant, 9_000),
      await newCase(ana.tenant, 1_000),
      await newCase(ana.tenant, 5_000),
    ];
    const { page, faults } = await openAs(ana, "/queue?sort=amount&amountMinorMin=2000");
    await page.getByText("2 cases", { exact: true }).waitFor();
    await page.getByRole("row").nth(1).waitFor();
    await page.keyboard.press("Enter");
    await page.waitForURL(`**/cases/${large.id}`);
    await closeAs(page, "f", "Card lost or stolen");
    await page.waitForURL(`**/cases/${middle.id}`);
    const latest = page.getByRole("region", { name: "Latest verdict" });
    await latest.getByText(`Case ${large.id.slice(0, 8)} closed as fraud.`).waitFor();
    await page.getByText("Assignee Ana").waitFor();
    expect(await findViolations(page)).toEqual([]);
    await closeAs(page, "g", "Known device");
    await page.getByText("No more cases in this queue.").waitFor();
    // The newest verdict is undone first, and then the previous one.
    await page.keyboard.press("z");
    await latest.getByText(`Case ${large.id.slice(0, 8)} closed as fraud.`).waitFor();
    await latest.getByRole("button", { name: "Undo" }).click();
    await page.waitForURL(`**/cases/${large.id}`);
    await page.getByRole("toolbar", { name: "Case actions" }).getByRole("button", { name: "Fraud" }).waitFor();
    await page.getByRole("list", { name: "History" }).getByText("Undid the verdict fraud").waitFor();
    expect([labelsOf(large.card), labelsOf(middle.card), labelsOf(small.card)]).toEqual([[], [], []]);
    expect(faults).toEqual([]);
  });

  test("closing the tab loses nothing: the verdict takes effect, and until then, another tab can undo it", async () => {
    const ana = newAnalyst("tabs");
    const [kept, undone] = [await newCase(ana.tenant, 1_000), await newCase(ana.tenant, 2_000)];
    for (const { id } of [kept, undone]) {
      const { page, context } = await openAs(ana, `/cases/${id}`);
      await closeAs(page, "f", "Counterfeit card");
      await page
        .getByRole("region", { name: "Latest verdict" })
        .getByText(/closed as fraud/)
        .waitFor();
      await context.close();
    }
    opened.splice(0);
    const { page } = await openAs(ana, `/cases/${undone.id}`);
    const actions = page.getByRole("toolbar", { name: "Case actions" });
    await actions.getByRole("button", { name: "Undo" }).click();
    await actions.getByRole("button", { name: "Genuine" }).waitFor();
    await takeEffect(kept.id);
    await eventually(async () => expect(labelsOf(kept.card)).toMatchObject([{ fraud: true }]));
    expect(labelsOf(undone.card)).toEqual([]);
  });

  test("offline, verdicts and undos fail immediately, and the page says so", async () => {
    const ana = newAnalyst("offline");
    const { id } = await newCase(ana.tenant, 1_000);
    const { page, context } = await openAs(ana, `/cases/${id}`);
    await page.getByRole("heading", { name: "What moved the score" }).waitFor();
    await context.setOffline(true);
    await closeAs(page, "g", "Known device");
    const dialog = page.getByRole("dialog", { name: "Close as genuine" });
    await dialog.getByText("The console is not responding").waitFor();
    await context.setOffline(false);
    await dialog.getByRole("button", { name: "Label as genuine" }).click();
    const latest = page.getByRole("region", { name: "Latest verdict" });
    await latest.getByText(/closed as genuine/).waitFor();
    await context.setOffline(true);
    await latest.getByRole("button", { name: "Undo" }).click();
    await latest.getByText("The verdict was not undone").waitFor();
    await context.setOffline(false);
    await latest.getByRole("button", { name: "Close" }).click();
    await latest.getByRole("button", { name: "Undo" }).click();
    await page.getByRole("list", { name: "History" }).getByText("Undid the verdict genuine").waitFor();
  });

  test("a verdict that has already taken effect is not undone, and the page says how to correct it", async () => {
    const ana = newAnalyst("late");
    const { id, card } = await newCase(ana.tenant, 1_000);
    const { page } = await openAs(ana, `/cases/${id}`);
    await closeAs(page, "f", "Counterfeit card");
    const latest = page.getByRole("region", { name: "Latest verdict" });
    await latest.getByText(/closed as fraud/).waitFor();
    await takeEffect(id);
    await eventually(async () => expect(labelsOf(card)).toHaveLength(1));
    await latest.getByRole("button", { name: "Undo" }).click();
    await latest.getByText(/has already taken effect. Reopen the case/).waitFor();
  });

  test("verdicts that were given together are undone together; one that waits for a second user is withdrawn", async () => {
    const ana = newAnalyst("bulk");
    const [one, other] = [await newCase(ana.tenant, 1_000), await newCase(ana.tenant, 2_000)];
    const { page } = await openAs(ana, "/queue");
    for (const { id } of [one, other]) await page.getByRole("checkbox", { name: `Select case ${id}` }).check();
    await page.getByRole("button", { name: "Close as genuine…" }).click();
    const dialog = page.getByRole("dialog", { name: "Close 2 cases as genuine" });
    await dialog.getByRole("radio", { name: "Known device" }).check();
    await dialog.getByRole("button", { name: "Close 2 cases" }).click();
    const latest = page.getByRole("region", { name: "Latest verdict" });
    await latest.getByText("2 cases closed as genuine.").waitFor();
    await latest.getByRole("button", { name: "Undo" }).click();
    await page.getByText("2 cases", { exact: true }).waitFor();
    const { id } = await newCase(ana.tenant, 900_000);
    await page.goto(`/cases/${id}`);
    await closeAs(page, "f", "Counterfeit card");
    await latest.getByText(/a second user must confirm your verdict "fraud"/).waitFor();
    await page.keyboard.press("z");
    await page.waitForURL(`**/cases/${id}`);
    await page.getByRole("list", { name: "History" }).getByText("Withdrew the verdict fraud.").waitFor();
  });
});

const CODES_OPACITY = "getComputedStyle(document.querySelector('[aria-rowindex=\"2\"] .codes')).opacity";

test("the queue shows each case's story, its reasons as sentences, and their codes on hover and focus", async () => {
  const ana = newAnalyst("story");
  const [card, nowMs] = [newCard(), Date.now()];
  const records = [100, 250, 300, 29_690].flatMap((amountMinor, index) => {
    const { vector, decision } = testPayment(ana.tenant, { card, amountMinor, atMs: nowMs - 60_000 + index * 1_000 });
    return [vector, decision];
  });
  await bed.producer.send(records);
  await newCase(ana.tenant, 5_000);
  const { page, faults } = await openAs(ana, "/queue?sort=amount");
  const row = page.getByRole("row").filter({ hasText: "4 payments" });
  await row.getByText("Card testing: 3 payments of €1 – €3, then €296.90").waitFor();
  await row.getByText("Estimated fraud probability: 70 %.").waitFor();
  const opacity = () => page.evaluate(CODES_OPACITY);
  await page.getByRole("searchbox").hover();
  expect(await opacity()).toBe("0");
  await row.getByRole("link").focus();
  expect(await opacity()).toBe("1");
  await page.getByRole("searchbox").focus();
  expect(await opacity()).toBe("0");
  await row.hover();
  expect(await opacity()).toBe("1");
  expect(await findViolations(page)).toEqual([]);
  await row.getByRole("link").click();
  await page.getByRole("main").getByText("Card testing: 3 payments of €1 – €3, then €296.90").waitFor();
  expect(faults).toEqual([]);
});

describe("the search", () => {
  test("opens a payment, a case, a merchant and a user's cases with the keyboard", async () => {
    const ana = newAnalyst("search");
    const card = newCard();
    const fields = { merchantId: `m-${card.slice(3, 11)}` };
    const payment = testPayment(ana.tenant, { id: "order-search", card, amountMinor: 31_337, fields });
    await bed.producer.send([payment.vector, payment.decision]);
    const { page, faults } = await openAs(ana, "/queue");
    await page.getByRole("link", { name: card }).waitFor();
    const dialog = page.getByRole("dialog", { name: "Search" });
    const field = dialog.getByRole("combobox");
    const find = async (text: string, group: string): Promise<void> => {
      await page.keyboard.press("/");
      await field.fill(text);
      await dialog.getByRole("group", { name: group }).getByRole("option").first().waitFor();
    };
    await find("313.37", "Payments");
    expect(await findViolations(page)).toEqual([]);
    await field.press("Enter");
    await page.waitForURL(`**/payments/${payment.transactionId}`);
    await page.getByRole("heading", { name: "Payment order-search", level: 1 }).waitFor();
    await find("order-search", "Cases");
    await field.press("ArrowDown");
    await field.press("Enter");
    await page.waitForURL("**/cases/*");
    await page.getByRole("heading", { name: "What moved the score" }).waitFor();
    await find(card, "Cards, merchants and devices");
    await dialog.getByRole("option", { name: /^Card/ }).click();
    await page.getByRole("heading", { name: `Card ${card}` }).waitFor();
    expect(page.url()).not.toContain(card);
    await find(fields.merchantId.slice(0, 6), "Cards, merchants and devices");
    await field.press("Enter");
    await page.getByRole("heading", { name: `Merchant ${fields.merchantId}` }).waitFor();
    await find("An", "Users");
    await field.press("Enter");
    await page.getByLabel("Assignee").filter({ hasText: "Ana" }).waitFor();
    await page.getByText("No matching cases").waitFor();
    await find("score high", "Reasons and rules");
    await field.press("Enter");
    await page.waitForURL(/reason=SCORE_HIGH/);
    await page.getByRole("link", { name: card }).waitFor();
    expect(faults).toEqual([]);
  });

  test("says what it cannot search for or find: 10,000 characters, tokens without permission, and unknown IDs", async () => {
    const { page } = await openAs(bed.people.viewer, "/queue");
    await page.getByRole("button", { name: "Search", exact: true }).click();
    const dialog = page.getByRole("dialog", { name: "Search" });
    const field = dialog.getByRole("combobox");
    await field.fill("x".repeat(10_000));
    await dialog.getByText("Search for at most 200 characters.").waitFor();
    await field.fill("no-such-order");
    await dialog.getByRole("status").getByText("Nothing found").waitFor();
    await field.fill(newCard());
    await dialog.getByText("You need permission to view personal data to search for tokens.").waitFor();
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
  });
});

test("the Overview shows the queue's age and due times, and the work of each user", async () => {
  const ana = newAnalyst("work");
  const [open, closed] = [await newCase(ana.tenant, 1_000), await newCase(ana.tenant, 2_000)];
  await bed.database.execute("UPDATE console.cases SET due_at_ms = 1 WHERE id = $1", [open.id]);
  const { page, faults } = await openAs(ana, `/cases/${closed.id}`);
  await closeAs(page, "g", "Known device");
  await page
    .getByRole("region", { name: "Latest verdict" })
    .getByText(/closed as genuine/)
    .waitFor();
  await page.goto("/overview");
  const cases = page.getByRole("region", { name: "Cases", exact: true });
  await cases.getByText("in the last 30 days").waitFor();
  const row = (caption: string, name: RegExp) => cases.getByRole("table", { name: caption }).getByRole("row", { name });
  await row("Cases by outcome", /^Review 1 1 1 100\.0% /).waitFor();
  await row("Cases by user", /^Ana 1 1 1 100\.0% /).waitFor();
  expect(await findViolations(page)).toEqual([]);
  await cases.getByRole("link", { name: "1" }).click();
  await page.waitForURL(/overdue=true/);
  await page.getByText("1 case", { exact: true }).waitFor();
  expect(faults).toEqual([]);
});
