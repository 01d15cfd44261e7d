import { randomUUID } from "node:crypto";
import type { TestBed } from "@tripline/console/testing/test-bed";
import { startTestBed, testPeople } from "@tripline/console/testing/test-bed";
import { eventually, testPayment } from "@tripline/console/testing/test-records";
import { findViolations, openBrowser, openPage } from "@tripline/console-web/testing/open-browser";
import { Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { Page } from "playwright-core";

/** Tests the Overview of the built console in a browser, with the real backend. */

const START_MS_MAX = 240_000;
const DAY_MS = 86_400_000;
const DAYS = 400;
const LABELLED_DAYS = 16;
/** Layouts of a phone, a laptop and a large display. */
const WIDTHS_PX = [390, 1280, 1920];
const HEIGHT_PX = 900;

let bed: TestBed;
let browser: Awaited<ReturnType<typeof openBrowser>>;
const opened: Awaited<ReturnType<typeof openPage>>[] = [];

beforeAll(async () => {
  bed = await startTestBed();
  browser = await openBrowser();
}, START_MS_MAX);
afterEach(async () => {
  for (const { context } of opened.splice(0)) await context.close();
});
afterAll(async () => {
  await browser?.close();
  await bed?.close();
});

/** Each test has its own tenant. */
const newTenant = (): string => `${bed.tenant}-${randomUUID().slice(0, 8)}`;

/** Opens the Overview as a viewer of the tenant. */
async function openOverview(tenant: string, theme: "light" | "dark" = "light") {
  bed.issuer.person = testPeople(tenant).viewer;
  const watched = await openPage(browser, { baseURL: bed.service.url, theme, height: HEIGHT_PX });
  opened.push(watched);
  await watched.page.goto(`/session/sign-in?to=${encodeURIComponent("/overview")}`);
  await watched.page.getByRole("heading", { name: "Overview", level: 1 }).waitFor();
  return watched;
}

const isTooWide = (page: Page): Promise<boolean> =>
  page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth");

/** The share of each outcome, and the shares of frauds and genuine payments in it. */
const SHARES = { approved: [0.98, 0.0006, 0], reviewed: [0.008, 0.2, 0.1], declined: [0.012, 0.2, 0.03] } as const;
/** In the order of the columns. */
const SEEDED = Object.values(SHARES)
  .flatMap(([share, fraud, genuine]) => [share, share * fraud, share * genuine])
  .flatMap((share) => [`sum(payments * ${share})::bigint`, `sum(payments * ${share} * mean)::bigint`])
  .join(", ");

/** More than a year of figures in two currencies, and labels that took up to nine days to arrive. */
async function seedFigures(tenant: string): Promise<void> {
  await bed.database.execute(
    `WITH paid AS (
       INSERT INTO console.payments (transaction_id, tenant, client_transaction_id, card_token, terminal_id, device_token,
         ip_token, amount_minor, currency, occurred_at_ms, read_at_ms, record)
       SELECT $1 || n, $1, 'order-' || n, $1, '', '', '', 1, 'EUR', $2::bigint, $2::bigint, '' FROM generate_series(1, 60) n
     )
     INSERT INTO console.labels (transaction_id, tenant, fraud, source, labelled_at_ms, read_at_ms)
     SELECT $1 || n, $1, true, 'chargeback', $2::bigint + n % 10 * ${DAY_MS}, $2::bigint FROM generate_series(1, 60) n`,
    [tenant, Date.now() - LABELLED_DAYS * DAY_MS],
  );
  await bed.database.execute(
    `INSERT INTO console.overview_days
     SELECT $1, dimension, b.bucket, date_trunc(b.bucket, (now() AT TIME ZONE 'UTC')::date - age * interval '1 day')::date AS first,
       currency, value, ${SEEDED}
     FROM generate_series(0, $2::int) age, (VALUES ('EUR', 5214, 1.0), ('GBP', 4390, 0.3)) c (currency, mean, size),
       (VALUES ('all', '', 1.0), ('merchant', 'm-bikes', 0.6), ('merchant', 'm-books', 0.3), ('merchant', '*', 0.1),
         ('country', 'BE', 0.7), ('country', 'FR', 0.2), ('country', '', 0.1), ('model', '5f70bf18a086', 1.0),
         ('reason', '', 0.9), ('reason', 'VERY_LARGE_AMOUNT', 0.1)) v (dimension, value, part),
       LATERAL (SELECT 41000 * size * part * (1 + 0.25 * sin(age / 1.2) + 0.1 * cos(age / 30.0)) AS payments) p,
       (VALUES ('day'), ('month')) b (bucket) GROUP BY dimension, b.bucket, first, currency, value`,
    [tenant, DAYS],
  );
}

test("shows each currency, its charts with their tables, and the definition of each figure", async () => {
  const tenant = newTenant();
  await seedFigures(tenant);
  const { page, faults } = await openOverview(tenant);
  const euros = page.getByRole("region", { name: "Figures in EUR" });
  await euros.getByRole("img", { name: "Payments, EUR" }).waitFor();
  await page
    .getByRole("region", { name: "Figures in GBP" })
    .getByRole("img", { name: "Fraud by amount, GBP" })
    .waitFor();
  await euros.getByRole("img", { name: "Fraud rate, EUR" }).waitFor();
  const fraud = euros.getByRole("region", { name: "Fraud by amount", exact: true });
  await fraud.getByText("Show table").click();
  expect(await fraud.getByRole("row").count()).toBe(31);
  await euros.getByRole("cell", { name: "All other merchants" }).waitFor();
  await page.getByLabel("Break down by").selectOption("country");
  await euros.getByRole("cell", { name: "Belgium" }).waitFor();
  await page.getByLabel("Period").selectOption("12-months");
  await fraud.getByRole("columnheader", { name: "Month" }).waitFor();
  expect(await fraud.getByRole("row").count()).toBe(13);
  await euros.getByRole("link", { name: "Loss", exact: true }).click();
  expect(new URL(page.url()).hash).toBe("#figure-lost");
  await page
    .getByRole("table", { name: "What the figures mean" })
    .getByText("Recovered money is not subtracted")
    .waitFor();
  expect(new URL(page.url()).search).toBe("?range=12-months&by=country");
  expect(faults).toEqual([]);
});

test("meets WCAG 2.2 AA in both themes, and fits phones and large displays", async () => {
  const tenant = newTenant();
  await seedFigures(tenant);
  for (const theme of ["light", "dark"] as const) {
    const { page, faults } = await openOverview(tenant, theme);
    await page.getByRole("img", { name: "Fraud by amount, GBP" }).waitFor();
    await page.getByText("Show table").first().click();
    expect(await findViolations(page)).toEqual([]);
    for (const width of WIDTHS_PX) {
      await page.setViewportSize({ width, height: HEIGHT_PX });
      // Charts adapt to a new width a moment later.
      await eventually(async () => expect([width, await isTooWide(page)]).toEqual([width, false]));
    }
    expect(faults).toEqual([]);
  }
});

test("an unknown figure is not 0: without payments, without reports, and with the first report", async () => {
  const tenant = newTenant();
  const { page } = await openOverview(tenant);
  await page.getByText("No payments yet", { exact: true }).waitFor();
  expect(await page.getByText("€0").count()).toBe(0);
  const payment = testPayment(tenant, { outcome: Outcome.APPROVE, amountMinor: 29_690 });
  await bed.producer.send([payment.vector, payment.decision]);
  const euros = page.getByRole("region", { name: "Figures in EUR" });
  const loss = euros.locator(".figure", { has: page.getByRole("link", { name: "Loss", exact: true }) });
  await eventually(async () => {
    await page.reload();
    await loss.getByText("no reports yet", { exact: true }).waitFor({ timeout: 1_000 });
  });
  await euros.getByText("No fraud reports yet").first().waitFor();
  expect(await page.getByText("€0").count()).toBe(0);
  await bed.producer.send([payment.label(true)]);
  await eventually(async () => {
    await page.reload();
    await loss.getByText("€296.90", { exact: true }).waitFor({ timeout: 1_000 });
  });
});
