import { randomUUID } from "node:crypto";
import { Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import { z } from "zod";
import type { TestBed } from "../testing/test-bed.js";
import { startTestBed, testPeople } from "../testing/test-bed.js";
import { eventually, newCard, testPayment } from "../testing/test-records.js";
import { WorkReader } from "./work-reader.js";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

let bed: TestBed;

beforeAll(async () => {
  bed = await startTestBed({ CASE_HOURS: "24,challenge=4", RETENTION_DAYS: "60" });
});
afterAll(() => bed?.close());

const { REVIEW, CHALLENGE } = Outcome;
const caseRow = z.object({ id: z.string(), revision: z.number(), due_at_ms: z.coerce.number() });

async function newCase(
  outcome: Outcome,
  { card = newCard(), tenant = bed.tenant, decidedAtMs = Date.now(), payments = 1 } = {},
) {
  const { vector, decision } = testPayment(tenant, { card, outcome, decidedAtMs });
  await bed.producer.send([vector, decision]);
  const text = "SELECT id, revision, due_at_ms FROM console.cases WHERE card_token = $1 AND payments = $2";
  return eventually(async () => {
    const [found] = await bed.database.query(caseRow, text, [card, payments]);
    if (found === undefined) throw new Error("The case does not exist yet.");
    return { ...found, card };
  });
}

test("a case is due after the hours for its outcome, or earlier if a payment with a shorter time joins it", async () => {
  const nowMs = Date.now();
  const reviewed = await newCase(REVIEW, { decidedAtMs: nowMs, tenant: `${bed.tenant}-due` });
  expect(reviewed.due_at_ms).toBe(nowMs + 24 * HOUR_MS);
  const { card } = reviewed;
  const joined = await newCase(CHALLENGE, {
    card,
    decidedAtMs: nowMs + 1_000,
    tenant: `${bed.tenant}-due`,
    payments: 2,
  });
  expect([joined.id, joined.due_at_ms]).toEqual([reviewed.id, nowMs + 1_000 + 4 * HOUR_MS]);
  const later = await newCase(REVIEW, { card, decidedAtMs: nowMs + 2_000, tenant: `${bed.tenant}-due`, payments: 3 });
  expect(later.due_at_ms).toBe(joined.due_at_ms);
});

test("counts open, late and closed cases, by outcome and by user", async () => {
  const ana = await bed.as(bed.people.analyst);
  const ben = await bed.as(bed.people.second);
  const oldMs = Date.now() - 5 * HOUR_MS;
  const [late, assigned, closed, reopened, snoozed] = [
    await newCase(CHALLENGE, { decidedAtMs: oldMs }),
    await newCase(REVIEW),
    await newCase(CHALLENGE, { decidedAtMs: oldMs }),
    await newCase(REVIEW),
    await newCase(REVIEW),
  ];
  const verdict = { verdict: "genuine", reason: "usual-pattern" };
  await ben.post(`/api/cases/${assigned.id}/assign`, { revision: assigned.revision, assignee: "me" });
  await ana.post(`/api/cases/${closed.id}/verdict`, { revision: closed.revision, ...verdict });
  await ana.post(`/api/cases/${reopened.id}/verdict`, { revision: reopened.revision, ...verdict });
  await ana.post(`/api/cases/${snoozed.id}/snooze`, { revision: snoozed.revision, untilMs: Date.now() + HOUR_MS });
  const path = "/api/overview/work?days=7";
  expect((await ana.get(path)).body).toMatchObject({ total: { open: 2, late: 1, closed: 2, onTime: 1 } });
  await ana.post(`/api/cases/${reopened.id}/reopen`, { revision: reopened.revision + 1 });
  const { body } = await ana.get(path);
  const none = { open: 0, late: 0, closed: 0, onTime: 0, medianMs: null };
  expect(body).toEqual({
    days: 7,
    total: { open: 3, late: 1, closed: 1, onTime: 0, medianMs: expect.any(Number) },
    unassigned: 2,
    snoozed: 1,
    oldestOpenedAtMs: oldMs,
    outcomes: [
      { outcome: "review", figures: { ...none, open: 2 } },
      { outcome: "challenge", figures: { open: 1, late: 1, closed: 1, onTime: 0, medianMs: expect.any(Number) } },
    ],
    users: [
      { person: { id: bed.people.second.id, name: "Ben" }, figures: { ...none, open: 1 } },
      {
        person: { id: bed.people.analyst.id, name: "Ana" },
        figures: { ...none, closed: 1, medianMs: expect.any(Number) },
      },
    ],
  });
  expect(late.due_at_ms).toBeLessThan(Date.now());
  // A tenant sees only its own cases.
  const outsider = await bed.as(testPeople(`${bed.tenant}-third`).analyst);
  expect((await outsider.get(path)).body).toMatchObject({
    total: none,
    users: [],
    outcomes: [],
    oldestOpenedAtMs: null,
  });
});

test("shows no users if the caller may not see cases, and limits the period to the days for which cases are kept", async () => {
  const reader = bed.service.get(WorkReader);
  expect(await reader.read(bed.tenant, 366, false)).toMatchObject({ days: 60, users: [] });
  // Cases that were closed before the period do not count.
  expect(await reader.read(bed.tenant, 1, true, Date.now() + 2 * DAY_MS)).toMatchObject({ total: { closed: 0 } });
});

test.each(["days=0", "days=367", "days=x", `tenant=${randomUUID()}`])("rejects %s", async (query) => {
  const ana = await bed.as(bed.people.analyst);
  expect((await ana.get(`/api/overview/work?${query}`)).status).toBe(422);
});
