import { randomUUID } from "node:crypto";
import { personKey } from "@tripline/contracts/auth-event-key";
import { AuditEvent, AuthEvent, AuthSubject } from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import { AUDIT_TOPIC, TABLES } from "@tripline/contracts/topics";
import type { EventConsumer, IncomingRecord } from "@tripline/kafka/port";
import { BatchCollector } from "@tripline/kafka/testing/batch-collector";
import { z } from "zod";
import type { TestBed } from "../testing/test-bed.js";
import { startTestBed } from "../testing/test-bed.js";
import { eventually, newCard, testPayment } from "../testing/test-records.js";
import { LeaversController } from "./leavers.controller.js";

const LARGE_MINOR = 600_000;

let bed: TestBed;
let reader: EventConsumer;
const audit = new BatchCollector();

beforeAll(async () => {
  bed = await startTestBed({ FOUR_EYES_AMOUNT_MINOR: "500000" });
  reader = await bed.kafka.consume({
    ...{ group: `test-${randomUUID()}`, topics: [AUDIT_TOPIC.name], handle: audit.handle },
    onStop(error) {
      throw error;
    },
  });
});
afterAll(async () => {
  await reader?.close();
  await bed?.close();
});

const caseRow = z.object({
  id: z.string(),
  revision: z.number(),
  assignee_id: z.string().nullable(),
  pending: z.unknown(),
  last_change: z.string(),
});

const find = async (column: "id" | "card_token", value: string) => {
  const text = `SELECT id, revision, assignee_id, pending, last_change FROM console.cases WHERE ${column}::text = $1`;
  const [found] = await bed.database.query(caseRow, text, [value]);
  if (found === undefined) throw new Error("there is no such case");
  return found;
};

async function newCase(amountMinor = 1_000) {
  const card = newCard();
  const { vector, decision } = testPayment(bed.tenant, { card, amountMinor });
  await bed.producer.send([vector, decision]);
  return eventually(() => find("card_token", card));
}

async function disable(personId: string, tenant = bed.tenant): Promise<void> {
  const nowMs = Date.now();
  const event = { subject: personId, kind: AuthSubject.PERSON, tenant, disabled: true };
  const value = Buffer.from(AuthEvent.encode({ ...event, notBeforeMs: nowMs, changedAtMs: nowMs }).finish());
  const headers = { [HEADERS.schema]: TABLES.authEvents.schema, [HEADERS.tenant]: tenant };
  await bed.producer.send([{ topic: TABLES.authEvents.name, key: personKey(personId), value, headers }]);
}

test("a disabled user's cases are unassigned, and the user's pending verdicts withdrawn", async () => {
  const person = { ...bed.people.analyst, id: `${bed.tenant}-${randomUUID()}`, name: "Lea" };
  const [lea, ben] = [await bed.as(person), await bed.as(bed.people.second)];
  const [mine, asked, others] = [await newCase(), await newCase(LARGE_MINOR), await newCase()];
  await lea.post(`/api/cases/${mine.id}/assign`, { revision: mine.revision, assignee: "me" });
  await lea.post(`/api/cases/${asked.id}/verdict`, {
    ...{ revision: asked.revision, verdict: "fraud", reason: "stolen-card", note: "" },
  });
  await ben.post(`/api/cases/${others.id}/assign`, { revision: others.revision, assignee: "me" });
  expect((await find("id", asked.id)).pending).toMatchObject({ by: { id: person.id } });

  await disable(person.id, "another-tenant");
  await disable(person.id);
  await eventually(async () => {
    expect((await find("id", mine.id)).assignee_id).toBeNull();
    expect((await find("id", asked.id)).pending).toBeNull();
  });
  expect(await find("id", mine.id)).toMatchObject({
    ...{ revision: mine.revision + 2, last_change: "The account of Lea was disabled: unassigned." },
  });
  expect((await find("id", asked.id)).last_change).toContain("the verdict fraud was withdrawn.");
  expect((await find("id", others.id)).assignee_id).toBe(bed.people.second.id);
  expect(await lea.get("/api/cases")).toMatchObject({ status: 401 });
  expect(await ben.get(`/api/cases/${mine.id}`)).toMatchObject({ body: { assignee: null } });

  const again = { revision: mine.revision + 2, assignee: person.id };
  expect(await ben.post(`/api/cases/${mine.id}/assign`, again)).toMatchObject({ status: 422 });
  const released = () =>
    audit.records.map(({ value }) => AuditEvent.decode(value)).filter(({ action }) => action === "case-released");
  await audit.until(() => released().length === 2, "an audit event for each case");
  expect(released()).toMatchObject([{ actorKind: "service", tenant: bed.tenant }, {}]);
  expect(
    released()
      .map(({ subjectId }) => subjectId)
      .sort(),
  ).toEqual([mine.id, asked.id].sort());
  expect(JSON.stringify(released())).not.toContain("Lea");
});

/** Delivers records of `auth-events` in one batch. */
async function handle(personId: string, ...changes: readonly { disabled: boolean; changedAtMs: number }[]) {
  const topic = TABLES.authEvents.name;
  const records = changes.map(({ disabled, changedAtMs }, offset): IncomingRecord => {
    const event = { subject: personId, kind: AuthSubject.PERSON, tenant: bed.tenant, disabled, changedAtMs };
    const value = Buffer.from(AuthEvent.encode({ ...event, notBeforeMs: changedAtMs }).finish());
    return { topic, partition: 0, offset, key: personKey(personId), value, headers: {}, timestampMs: changedAtMs };
  });
  await new LeaversController(bed.database).handle([{ topic, partition: 0, records }]);
}

test("regression #30: a user who was enabled again keeps the cases when an old record is read", async () => {
  const person = { ...bed.people.analyst, id: `${bed.tenant}-${randomUUID()}`, name: "Mia" };
  const mia = await bed.as(person);
  const { id, revision } = await newCase();
  await mia.post(`/api/cases/${id}/assign`, { revision, assignee: "me" });

  const nowMs = Date.now();
  await handle(person.id, { disabled: true, changedAtMs: nowMs - 3_600_000 });
  expect(await find("id", id)).toMatchObject({ assignee_id: person.id });
  await handle(person.id, { disabled: true, changedAtMs: nowMs }, { disabled: false, changedAtMs: nowMs + 1 });
  expect(await find("id", id)).toMatchObject({ assignee_id: person.id });
  expect(await mia.get("/api/cases")).toMatchObject({ status: 200 });

  await handle(person.id, { disabled: false, changedAtMs: nowMs }, { disabled: true, changedAtMs: nowMs + 1 });
  expect(await find("id", id)).toMatchObject({ assignee_id: null });
});

test("regression #30: a closed case of a disabled user is unassigned when it is reopened", async () => {
  const person = { ...bed.people.analyst, id: `${bed.tenant}-${randomUUID()}`, name: "Noa" };
  const [noa, ben] = [await bed.as(person), await bed.as(bed.people.second)];
  const [hers, bens] = [await newCase(), await newCase()];
  for (const [browser, { id, revision }] of [[noa, hers] as const, [ben, bens] as const]) {
    await browser.post(`/api/cases/${id}/assign`, { revision, assignee: "me" });
    const verdict = { revision: revision + 1, verdict: "genuine", reason: "usual-pattern" };
    expect(await browser.post(`/api/cases/${id}/verdict`, verdict)).toMatchObject({ status: 200 });
  }
  await handle(person.id, { disabled: true, changedAtMs: Date.now() });

  const reopened = await ben.post(`/api/cases/${hers.id}/reopen`, { revision: hers.revision + 2 });
  expect(reopened).toMatchObject({ status: 200, body: { status: "open", assignee: null } });
  expect((await find("id", hers.id)).last_change).toBe(
    "Ben: Reopened the case, and unassigned Noa, who can no longer work on cases.",
  );
  await ben.post(`/api/cases/${bens.id}/reopen`, { revision: bens.revision + 2 });
  expect(await find("id", bens.id)).toMatchObject({ assignee_id: bed.people.second.id });
});
