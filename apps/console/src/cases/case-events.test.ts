import { randomUUID } from "node:crypto";
import { CaseEvent, CaseEventKind } from "@tripline/contracts/generated/tripline/events/v1/events";
import { CASE_EVENTS_TOPIC } from "@tripline/contracts/topics";
import type { EventConsumer } from "@tripline/kafka/port";
import { BatchCollector } from "@tripline/kafka/testing/batch-collector";
import { z } from "zod";
import type { FakeService } from "../testing/fake-service.js";
import { startFakeService } from "../testing/fake-service.js";
import type { TestBed } from "../testing/test-bed.js";
import { startTestBed } from "../testing/test-bed.js";
import { eventually, newCard, testPayment } from "../testing/test-records.js";

const caseRow = z.object({ id: z.string(), revision: z.number() });
const countRow = z.object({ count: z.coerce.number() });

let bed: TestBed;
let ingestion: FakeService;
let consumer: EventConsumer;
const collector = new BatchCollector();

beforeAll(async () => {
  ingestion = await startFakeService();
  bed = await startTestBed({ INGESTION_URL: ingestion.url });
  consumer = await bed.kafka.consume({
    group: `test-${randomUUID()}`,
    topics: [CASE_EVENTS_TOPIC.name],
    handle: collector.handle,
    onStop(error) {
      throw error;
    },
  });
});
afterAll(async () => {
  await consumer?.close();
  await bed?.close();
  ingestion?.close();
});

async function newCase() {
  const card = newCard();
  const { vector, decision } = testPayment(bed.tenant, { card });
  await bed.producer.send([vector, decision]);
  const [found] = await eventually(async () => {
    const rows = await bed.database.query(caseRow, "SELECT id, revision FROM console.cases WHERE card_token = $1", [
      card,
    ]);
    expect(rows).toHaveLength(1);
    return rows;
  });
  return { card, id: found?.id ?? "", revision: found?.revision ?? 0 };
}

const eventsOf = (id: string): CaseEvent[] =>
  collector.records.map(({ value }) => CaseEvent.decode(value)).filter(({ caseId }) => caseId === id);

test("publishes one event each, in order, when a case is opened, assigned, unassigned, closed and reopened", async () => {
  const ana = await bed.as(bed.people.analyst);
  const { card, id, revision } = await newCase();
  const at = (count: number) => ({ revision: revision + count });
  await ana.post(`/api/cases/${id}/assign`, { ...at(0), assignee: "me" });
  // Assigning the same user again and escalating the case publish nothing.
  await ana.post(`/api/cases/${id}/assign`, { ...at(1), assignee: "me" });
  await ana.post(`/api/cases/${id}/escalate`, { ...at(2), note: "" });
  await ana.post(`/api/cases/${id}/assign`, { ...at(3), assignee: null });
  await ana.post(`/api/cases/${id}/verdict`, { ...at(4), verdict: "fraud", reason: "stolen-card", note: "" });
  await ana.post(`/api/cases/${id}/reopen`, { ...at(5) });
  await collector.until(() => eventsOf(id).length === 5, "five events of the case");
  const { OPENED, ASSIGNED, UNASSIGNED, CLOSED, REOPENED } = CaseEventKind;
  expect(eventsOf(id)).toMatchObject([
    { kind: OPENED, revision, payments: 1, assigneeId: "", verdict: "", tenant: bed.tenant },
    { kind: ASSIGNED, revision: revision + 1, assigneeId: bed.people.analyst.id },
    { kind: UNASSIGNED, revision: revision + 4, assigneeId: "" },
    { kind: CLOSED, revision: revision + 5, verdict: "fraud" },
    { kind: REOPENED, revision: revision + 6, verdict: "" },
  ]);
  const records = collector.records.filter(({ key }) => key === id);
  expect(records).toHaveLength(5);
  for (const { value } of records) expect(value.toString()).not.toContain(card);
  // Waits until the outbox is empty.
  await eventually(async () => {
    const left = "SELECT count(*) FROM console.case_outbox WHERE case_id = $1";
    expect(await bed.database.query(countRow, left, [id])).toEqual([{ count: 0 }]);
  });
});

test("two payments with the same card share one case, which publishes one opening event", async () => {
  const { card, id } = await newCase();
  const { vector, decision } = testPayment(bed.tenant, { card });
  await bed.producer.send([vector, decision]);
  await eventually(async () => {
    const row = z.object({ payments: z.number() });
    const rows = await bed.database.query(row, "SELECT payments FROM console.cases WHERE id = $1", [id]);
    expect(rows).toEqual([{ payments: 2 }]);
  });
  const other = await newCase();
  // The events of the two cases may be on different partitions.
  const hasBoth = (): boolean => [id, other.id].every((one) => eventsOf(one).length > 0);
  await collector.until(hasBoth, "the events of both cases");
  expect(eventsOf(id)).toHaveLength(1);
});
