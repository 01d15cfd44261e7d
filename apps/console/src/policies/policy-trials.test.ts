import { readFileSync } from "node:fs";
import { Decision, Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import { z } from "zod";
import type { TrialLine } from "../contract/policy-trial.js";
import type { TestBed } from "../testing/test-bed.js";
import { startTestBed } from "../testing/test-bed.js";
import type { Answer, TestBrowser } from "../testing/test-browser.js";
import { eventually, newCard, testPayment } from "../testing/test-records.js";

const SHIPPED = readFileSync(new URL("../../../decisions/policy.yaml", import.meta.url), "utf8");
const DAY_MS = 86_400_000;
const LARGE_MINOR = 900_000;
/** Old enough that all labels have arrived, so the results count. */
const PAYMENTS = 300;
/** Every tenth payment is large, and every twentieth is fraud. */
const [LARGE_EVERY, FRAUD_EVERY] = [10, 20];
const [LARGE, FRAUDS] = [PAYMENTS / LARGE_EVERY, PAYMENTS / FRAUD_EVERY];
/** Almost the maximum number of steps that the rules may take for a payment. */
const COSTLY_RULES = 6;
const DRAFT = SHIPPED.replace(
  /^rules:\n/m,
  "rules:\n  - id: large-ones\n    when: amount_minor >= 500000\n    reason: LARGE_ONE\n    action: decline\n    text: The amount is {amount}.\n",
);

let bed: TestBed;
let browser: TestBrowser;

beforeAll(async () => {
  bed = await startTestBed();
  browser = await bed.as(bed.people.viewer);
  await sendPayments();
});

afterAll(() => bed?.close());

/** Approved payments from 3 days ago, labelled a day later; a shadow rule hit the last one. */
async function sendPayments(): Promise<void> {
  const atMs = Date.now() - 3 * DAY_MS;
  const payments = Array.from({ length: PAYMENTS }, (_, index) => {
    const amountMinor = index % LARGE_EVERY === 0 ? LARGE_MINOR : 1_000;
    const given = { card: newCard(), outcome: Outcome.APPROVE, score: 0.01, amountMinor, atMs: atMs + index };
    return testPayment(bed.tenant, { ...given, decidedAtMs: atMs + index });
  });
  for (const [index, { vector, decision, label }] of payments.entries()) {
    const shadowHits = [{ ruleId: "night", code: "NIGHT", outcome: Outcome.REVIEW }];
    const value = Decision.encode({ ...Decision.decode(decision.value as Buffer), shadowHits }).finish();
    const decided = index === PAYMENTS - 1 ? { ...decision, value } : decision;
    await bed.producer.send([vector, decided, label(index % FRAUD_EVERY === 0, atMs + DAY_MS)]);
  }
  // The newest label determines the time up to which all labels have arrived.
  const last = testPayment(bed.tenant, { outcome: Outcome.APPROVE, atMs: Date.now(), score: 0.01 });
  await bed.producer.send([last.vector, last.decision, last.label(false)]);
  const count = z.object({ count: z.coerce.number() });
  for (const table of ["payments", "decisions", "labels"]) {
    await eventually(async () => {
      const rows = await bed.database.query(count, `SELECT count(*) FROM console.${table} WHERE tenant = $1`, [
        bed.tenant,
      ]);
      expect([table, rows]).toEqual([table, [{ count: PAYMENTS + 1 }]]);
    });
  }
}

const linesOf = ({ body }: Answer): TrialLine[] =>
  z
    .string()
    .parse(body)
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as TrialLine);

test("a backtest on the newest payments reports progress, intervals and unknown labels", async () => {
  const answer = await browser.post("/api/policy/backtest", { text: DRAFT });
  expect(answer.status).toBe(200);
  const lines = linesOf(answer);
  expect(lines[0]).toEqual({ progress: { done: 250, total: PAYMENTS + 1 } });
  const { report } = lines.at(-1) as Extract<TrialLine, { report: unknown }>;
  expect(report).toMatchObject({ subject: "draft", payments: PAYMENTS + 1, frauds: FRAUDS, young: 1, skipped: 0 });
  expect(report.decided.declined.hits).toBe(0);
  const large = report.parts.find(({ id }) => id === "large-ones");
  expect(large).toMatchObject({ kind: "rule", outcome: "decline", hits: LARGE, frauds: FRAUDS, stricter: LARGE });
  const precision = FRAUDS / LARGE;
  expect(large?.precision).toEqual({ value: precision, low: expect.any(Number), high: expect.any(Number) });
  expect(large?.precision?.low).toBeLessThan(precision);
  expect(large?.recall?.value).toBe(1);
  expect(report.changes).toContainEqual(
    expect.objectContaining({ change: "approve -> decline", payments: LARGE, frauds: FRAUDS }),
  );
  expect(report.movedDeclines).toBe(LARGE);
  expect(report.examples.map(({ kind }) => kind)).toContain("false-positive");
});

test("counts the effect of shadow rules from stored decisions", async () => {
  const { report } = linesOf(await browser.post("/api/policy/shadow")).at(-1) as Extract<
    TrialLine,
    { report: unknown }
  >;
  expect(report).toMatchObject({ subject: "shadow", payments: PAYMENTS + 1 });
  expect(report.parts).toMatchObject([{ id: "night", outcome: "review", hits: 1, stricter: 1 }]);
});

test("rejects an invalid policy with the position of each fault", async () => {
  await expect(browser.post("/api/policy/backtest", { text: "rules: 7\n" })).resolves.toMatchObject({
    status: 422,
    body: {
      code: "invalid-field",
      errors: expect.arrayContaining([{ pointer: "/text", detail: "policy.yaml:1:1 rules must be a list." }]),
    },
  });
});

test("does not count another tenant's payments", async () => {
  const outsider = await bed.as({ ...bed.people.viewer, id: "outsider", tenant: `${bed.tenant}-other` });
  const { report } = linesOf(await outsider.post("/api/policy/shadow")).at(-1) as Extract<
    TrialLine,
    { report: unknown }
  >;
  expect(report).toMatchObject({ payments: 0, parts: [] });
});

test("regression #24: pages respond during a backtest whose rules use their entire step budget", async () => {
  const listOf = (count: number): string => `[${Array.from({ length: count }, () => 1).join(",")}]`;
  const when = `${listOf(40)}.exists(a, ${listOf(30)}.exists(b, a + b > 5))`;
  const text = DRAFT.replace(/ {2}- id: large-ones\n(?: {4}.+\n)+/, (rule) =>
    Array.from({ length: COSTLY_RULES }, (_, index) =>
      rule.replace("large-ones", `costly-${index}`).replace(/when: .*/, `when: "${when}"`),
    ).join(""),
  );
  const posted = browser.post("/api/policy/backtest", { text });
  let isOver = false;
  const end = (): void => {
    isOver = true;
  };
  posted.then(end, end);
  let during = 0;
  while (!isOver) {
    expect((await browser.get("/api/session")).status).toBe(200);
    if (!isOver) during += 1;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  // If the backtest ran on the thread that serves requests, at most one request would get through between its parts.
  expect(during).toBeGreaterThan(2);
  expect(linesOf(await posted).at(-1)).toHaveProperty("report");
});
