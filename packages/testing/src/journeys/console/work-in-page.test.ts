import { text } from "node:stream/consumers";
import { ReportMatcher } from "@tripline/console/fraud-reports/report-matcher";
import type { FakeService } from "@tripline/console/testing/fake-service";
import { startFakeService } from "@tripline/console/testing/fake-service";
import type { TestBed } from "@tripline/console/testing/test-bed";
import { startTestBed } from "@tripline/console/testing/test-bed";
import type { TestPerson } from "@tripline/console/testing/test-issuer";
import { eventually, newCard, testPayment } from "@tripline/console/testing/test-records";
import { findViolations, openBrowser, openPage } from "@tripline/console-web/testing/open-browser";
import { Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import { z } from "zod";

/** Tests the built console in a browser, with the real backend. */

const START_MS_MAX = 240_000;

let bed: TestBed;
let control: FakeService;
let browser: Awaited<ReturnType<typeof openBrowser>>;
const opened: Awaited<ReturnType<typeof openPage>>[] = [];

beforeAll(async () => {
  control = await startFakeService();
  bed = await startTestBed({ CONTROL_URL: control.url, INGESTION_URL: control.url });
  browser = await openBrowser();
}, START_MS_MAX);
afterEach(async () => {
  for (const { context } of opened.splice(0)) await context.close();
});
afterAll(async () => {
  await browser?.close();
  await bed?.close();
  control?.close();
});

/** Opens a page as a signed-in user. */
async function openAs(person: TestPerson, path: string) {
  bed.issuer.person = person;
  const watched = await openPage(browser, { baseURL: bed.service.url });
  opened.push(watched);
  await watched.page.goto(`/session/sign-in?to=${encodeURIComponent(path)}`);
  return watched;
}

/** Waits until the console has read a payment with its label and updates. */
async function known(id: string, entries = 1): Promise<void> {
  const ana = await bed.as(bed.people.analyst);
  await eventually(async () => {
    const { body } = await ana.get(`/api/decisions/${id}`);
    expect(body).toMatchObject({ timeline: Array.from({ length: entries }, () => ({})) });
  });
}

describe("the page of a payment without a case", () => {
  const card = newCard();

  test("opens by Tripline's ID or the client's ID, and shows its label, updates and record", async () => {
    const payment = testPayment(bed.tenant, { id: "order-7", card, outcome: Outcome.APPROVE, amountMinor: 29_690 });
    await bed.producer.send([
      payment.vector,
      payment.decision,
      payment.update("a", { issuerCode: "00" }),
      payment.label(true),
    ]);
    await known(payment.transactionId, 3);
    const { page, faults } = await openAs(bed.people.analyst, "/payments/order-7");
    await page.getByRole("heading", { name: "Payment order-7", level: 1 }).waitFor();
    await page.getByText("€296.90").first().waitFor();
    await page.getByText("No case", { exact: true }).waitFor();
    const timeline = page.getByRole("table", { name: "Label, updates and fraud reports" });
    await timeline.getByText("Authorised by the issuer").waitFor();
    await timeline.getByText("Label from chargeback").waitFor();
    await page.getByText("Show JSON").click();
    await page.getByLabel("Recorded data").getByText(`"cardToken": "${card}"`).waitFor();
    // The row in Look up links to this page by Tripline's ID.
    await page.getByRole("link", { name: card }).first().click();
    // The page before has links with the same amount, and the URL changes before the page does.
    const found = page.getByRole("table", { name: "Latest payments" });
    await found.getByRole("link", { name: "€296.90" }).click();
    await page.waitForURL(`**/payments/${payment.transactionId}`);
    await page.getByRole("heading", { name: "What moved the score" }).waitFor();
    expect(faults).toEqual([]);
  });

  test("shows personal data only for a stated reason; viewers see masked tokens and no personal data", async () => {
    const payment = testPayment(bed.tenant, { id: "order-8", card, fields: { personal: Buffer.from("sealed") } });
    await bed.producer.send([payment.vector, payment.decision]);
    await known("order-8");
    control.answer = { status: 200, body: { payments: [{ fields: { email: "ada@example.com" }, erased: false }] } };
    const { page } = await openAs(bed.people.analyst, "/payments/order-8");
    await page.getByLabel("Reason", { exact: true }).selectOption("verify-identity");
    await page.getByRole("button", { name: "Show", exact: true }).click();
    await page.getByText("ada@example.com").waitFor();
    expect(control.seen.at(-1)).toMatchObject({ path: "/v1/personal/open", body: { reason: "verify-identity" } });
    const { page: masked } = await openAs(bed.people.viewer, "/payments/order-8");
    await masked.getByText("Show JSON").click();
    await masked.getByLabel("Recorded data").getByText("…").first().waitFor();
    expect(await masked.content()).not.toContain(card);
    expect(await masked.getByRole("heading", { name: "Personal data" }).count()).toBe(0);
  });

  test("is not found for another tenant's payment", async () => {
    const foreign = testPayment(`${bed.tenant}-other`, { id: "order-9" });
    await bed.producer.send([foreign.vector, foreign.decision]);
    const { page } = await openAs(bed.people.analyst, `/payments/${foreign.transactionId}`);
    await page.getByRole("alert").getByText("This decision does not exist.").waitFor();
  });
});

/** Creates a case with one payment. */
async function newCase(amountMinor: number) {
  const card = newCard();
  const payment = testPayment(bed.tenant, { card, amountMinor });
  await bed.producer.send([payment.vector, payment.decision]);
  const row = z.object({ id: z.string() });
  const [found] = await eventually(async () => {
    const rows = await bed.database.query(row, "SELECT id FROM console.cases WHERE card_token = $1", [card]);
    expect(rows).toHaveLength(1);
    return rows;
  });
  return { card, id: found?.id ?? "" };
}

const SELECT_CARD =
  "getSelection().selectAllChildren(document.querySelector('.case-big .token')); String(getSelection())";

test("the list of names contains only users of the same tenant who have signed in", async () => {
  const { id, name } = bed.people.analyst;
  const other = { ...bed.people.viewer, id: `${bed.tenant}-eve`, name: "Eve", tenant: `${bed.tenant}-other` };
  const eve = await bed.as(other);
  const vera = await bed.as(bed.people.viewer);
  expect((await vera.get("/api/people/names")).body).toEqual(expect.arrayContaining([{ id, name }]));
  expect((await eve.get("/api/people/names")).body).toEqual([{ id: other.id, name: "Eve" }]);
});

describe("regression #32: work on cases", () => {
  test("the header shows amount and score of the same payment; selecting a card token copies all of it", async () => {
    const { card, id } = await newCase(1_500);
    const { transactionId, vector, decision } = testPayment(bed.tenant, { card, amountMinor: 2_500, score: 0.4 });
    await bed.producer.send([vector, decision]);
    await known(transactionId);
    const { page } = await openAs(bed.people.analyst, `/cases/${id}`);
    await page.getByText("2 payments, €40.00 in total, highest score 70%").waitFor();
    const head = page.locator(".case-big");
    await head.getByText("€25.00").waitFor();
    await head.getByText("40%", { exact: true }).waitFor();
    expect(await page.evaluate(SELECT_CARD)).toBe(card);
    const why = page.getByRole("region", { name: "Why", exact: true });
    await why.getByText("Reviews", { exact: true }).waitFor();
    expect(await why.locator(".outcome").count()).toBe(0);
    expect(await findViolations(page)).toEqual([]);
  });

  test("a note written offline is marked as not saved yet, and is saved later", async () => {
    const { id } = await newCase(1_000);
    const { page, context } = await openAs(bed.people.analyst, `/cases/${id}`);
    await page.getByLabel("New note").fill("The customer was abroad.");
    await context.setOffline(true);
    await page.getByRole("button", { name: "Add note" }).click();
    await page.getByText("You are offline. The note is not saved yet").waitFor();
    await context.setOffline(false);
    await page.getByRole("listitem").getByText("The customer was abroad.").waitFor();
  });

  test("a snoozed case is reopened; a verdict needs a reason, and its author can withdraw it before a second user confirms", async () => {
    const { id } = await newCase(900_000);
    const { page, faults } = await openAs(bed.people.analyst, `/cases/${id}`);
    await page.getByRole("heading", { name: "Why" }).waitFor();
    await page.keyboard.press("s");
    await page.getByRole("button", { name: "4 hours" }).click();
    await page.getByRole("button", { name: "Reopen" }).click();
    const history = page.getByRole("list", { name: "History" });
    await history.getByText("Ended the snooze.").waitFor();
    expect(await history.textContent()).not.toMatch(/T\d\d:\d\d/);
    await page.keyboard.press("f");
    const dialog = page.getByRole("dialog", { name: "Close as fraud" });
    await dialog.getByText("This amount requires a second user").waitFor();
    await page.keyboard.press("Enter");
    expect(await dialog.getByRole("radio", { checked: true }).count()).toBe(0);
    await page.keyboard.press("Space");
    await page.keyboard.press("Enter");
    // The page then opens the next case, if there is one.
    await page.getByRole("status").filter({ hasText: "second user" }).waitFor();
    await page.goto(`/cases/${id}`);
    await page.getByRole("button", { name: "Withdraw" }).click();
    await history.getByText("Withdrew the verdict fraud.").waitFor();
    // A verdict that awaits a second user is kept when the case is snoozed and reopened.
    await page.keyboard.press("f");
    await dialog.getByRole("radio", { name: "Counterfeit card" }).check();
    await dialog.getByRole("button", { name: "Label as fraud" }).click();
    await page.getByRole("status").filter({ hasText: "second user" }).waitFor();
    await page.goto(`/cases/${id}`);
    await page.getByRole("button", { name: "Withdraw" }).waitFor();
    await page.keyboard.press("s");
    await page.getByRole("button", { name: "4 hours" }).click();
    await page.getByRole("button", { name: "Reopen" }).click();
    await history.getByText("Ended the snooze.").nth(1).waitFor();
    expect(await page.getByRole("button", { name: "Withdraw" }).count()).toBe(1);
    expect(faults).toEqual([]);
  });

  test("the queue exports the search results, closes a range of cases with a reason, and keeps its filters", async () => {
    const [found, other, third] = [await newCase(5_000), await newCase(5_001), await newCase(5_002)];
    const { page, faults } = await openAs(bed.people.analyst, "/queue?sort=amount");
    await page.getByLabel("Amount from").fill("10");
    await page.getByLabel("Currency").selectOption("EUR");
    const search = page.getByRole("searchbox");
    await search.fill(found.card);
    await page.getByText("1 case", { exact: true }).waitFor();
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "Export CSV" }).click();
    const csv = await text(await (await download).createReadStream());
    expect([csv.includes(found.id), csv.includes(other.id)]).toEqual([true, false]);
    await search.fill("");
    await page.getByRole("checkbox", { name: `Select case ${third.id}` }).check();
    await page.getByRole("checkbox", { name: `Select case ${found.id}` }).click({ modifiers: ["Shift"] });
    await page.getByText("3 selected").waitFor();
    await page.getByRole("button", { name: "Close as genuine…" }).click();
    const dialog = page.getByRole("dialog", { name: "Close 3 cases as genuine" });
    await dialog.getByRole("radio", { name: "Known device" }).check();
    await dialog.getByRole("button", { name: "Close 3 cases" }).click();
    await page.getByText("3 cases updated.").waitFor();
    await page.goto(`/cases/${found.id}`);
    await page.getByText("Closed the case as genuine (known-device).").waitFor();
    await page.getByRole("main").getByRole("link", { name: "Queue" }).click();
    await page.waitForURL(/sort=amount/);
    expect(new URL(page.url()).search).toContain("amountMinorMin=1000");
    expect(faults).toEqual([]);
  });
});

const DAY_MS = 86_400_000;

/** Two payments of a card with the same amount, and a report that may be about either. */
async function ambiguousReport(file: string) {
  const [card, atMs] = [newCard(), Date.now() - 20 * DAY_MS];
  const unique = card.slice(3, 11);
  const [first, second] = ["a", "b"].map((name) =>
    testPayment(bed.tenant, {
      id: `order-${unique}-${name}`,
      card,
      atMs,
      amountMinor: 1_999,
      outcome: Outcome.APPROVE,
    }),
  );
  if (first === undefined || second === undefined) throw new Error("there are two");
  for (const { transactionId, vector, decision } of [first, second]) {
    await bed.producer.send([vector, decision]);
    await known(transactionId);
  }
  const name = `dispute-${unique}`;
  const sent = { transactionId: "", clientTransactionId: "", terminalId: "", amountMinor: 1_999, currency: "EUR" };
  await bed.producer.send([first.report(name, { ...sent, reportedAtMs: Date.now() - DAY_MS, file })]);
  const ana = await bed.as(bed.people.analyst);
  const page = z.object({ reports: z.array(z.object({ id: z.string(), reportId: z.string() })) });
  const id = await eventually(async () => {
    await bed.service.get(ReportMatcher).check();
    const { reports } = page.parse((await ana.get("/api/fraud-reports/unmatched")).body);
    const found = reports.find(({ reportId }) => reportId === name);
    expect(found).toBeDefined();
    return found?.id ?? "";
  });
  return { card, id, name, payment: `order-${unique}-a`, transactionId: first.transactionId };
}

describe("reports without a payment", () => {
  test("an analyst matches one by keyboard, and its payment shows the match; a viewer sees why the button is missing", async () => {
    const { card, name, payment } = await ambiguousReport("");
    const { page: seen } = await openAs(bed.people.viewer, "/reports");
    await seen.getByRole("button", { name: `Open ${name}` }).click();
    await seen.getByText("can match this report").waitFor();
    expect(await seen.getByRole("button", { name: /^Match/ }).count()).toBe(0);
    expect(await seen.content()).not.toContain(card);
    const { page, faults } = await openAs(bed.people.analyst, "/reports");
    const open = page.getByRole("button", { name: `Open ${name}` });
    await open.waitFor();
    await page.keyboard.press("j");
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog", { name: `Report ${name}` });
    await dialog
      .getByRole("row", { name: new RegExp(`${payment} €19.99 same .* same same unknown unknown`) })
      .waitFor();
    expect(await findViolations(page)).toEqual([]);
    await dialog.getByRole("button", { name: `Match with ${payment}` }).press("Enter");
    await dialog.getByText(`Match report ${name} with payment ${payment}?`).waitFor();
    await page.keyboard.press("Enter");
    await page.getByText(`Report ${name} was matched with payment ${payment}.`).waitFor();
    await open.waitFor({ state: "detached" });
    await page.getByRole("status").getByRole("link", { name: payment }).click();
    await page
      .getByRole("table", { name: "Label, updates and fraud reports" })
      .getByText("Matched by a user.")
      .waitFor();
    expect(faults).toEqual([]);
  });

  test("if a colleague has already matched a report, the page says so and removes it from the list", async () => {
    const { id, name, payment, transactionId } = await ambiguousReport("");
    const { page } = await openAs(bed.people.analyst, "/reports");
    await page.getByRole("button", { name: `Open ${name}` }).click();
    await page.getByRole("button", { name: `Match with ${payment}` }).click();
    const ben = await bed.as(bed.people.second);
    await expect(ben.post(`/api/fraud-reports/unmatched/${id}/match`, { transactionId })).resolves.toMatchObject({
      status: 204,
    });
    await page.getByRole("dialog").getByRole("button", { name: "Match", exact: true }).click();
    await page.getByRole("alert").getByText("There is no unmatched report with this ID.").first().waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: `Open ${name}` }).waitFor({ state: "detached" });
  });

  test("the reconciliation of a file counts it as unmatched, also in the CSV; without reports, it has no figures", async () => {
    const file = `tc40-${newCard().slice(3, 11)}.csv`;
    await ambiguousReport(file);
    const { page } = await openAs(bed.people.viewer, "/reports");
    const region = page.getByRole("region", { name: "Reconciliation" }).first();
    await region.getByLabel("File").fill(file);
    await region.getByRole("button", { name: "Compare" }).click();
    await region.getByRole("row", { name: `${file} Chargeback 1 0 1 0 0 €19.99` }).waitFor();
    const download = page.waitForEvent("download");
    await region.getByRole("button", { name: "Export CSV" }).click();
    expect(await text(await (await download).createReadStream())).toContain(`${file},chargeback,EUR,1,0,1,0,0,1999`);
    const stranger = { ...bed.people.viewer, id: `${bed.tenant}-sid`, tenant: `${bed.tenant}-empty` };
    const { page: empty } = await openAs(stranger, "/reports");
    await empty.getByText("No ambiguous reports", { exact: true }).waitFor();
    await empty.getByRole("button", { name: "Compare" }).click();
    await empty.getByText("No reports in this period", { exact: true }).waitFor();
    expect(await empty.getByRole("alert").count()).toBe(0);
  });

  test("the Health screen shows one that has waited for a user for more than a day", async () => {
    const { id } = await ambiguousReport("");
    const waiting = "UPDATE console.unmatched_reports SET read_at_ms = $2 WHERE report_id = $1";
    await bed.database.execute(waiting, [id, Date.now() - 1.5 * DAY_MS]);
    // Otherwise, up to a minute passes before waiting reports are counted again.
    await bed.restart();
    await bed.service.get(ReportMatcher).check();
    const { page } = await openAs(bed.people.viewer, "/system");
    const row = page.getByRole("row", { name: /^console/ });
    await row.getByText(/unmatched_reports: .* fraud reports? ha(s|ve) no payment/).waitFor();
  });
});
