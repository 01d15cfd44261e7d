import { randomUUID } from "node:crypto";
import { AuditEvent, CaseEvent, CaseEventKind } from "@tripline/contracts/generated/tripline/events/v1/events";
import { AUDIT_TOPIC, CASE_EVENTS_TOPIC } from "@tripline/contracts/topics";
import type { EventConsumer } from "@tripline/kafka/port";
import { BatchCollector } from "@tripline/kafka/testing/batch-collector";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { createLogger } from "@tripline/telemetry/logger";
import { z } from "zod";
import type { FakeService } from "../testing/fake-service.js";
import { startFakeService } from "../testing/fake-service.js";
import type { TestBed } from "../testing/test-bed.js";
import { startTestBed, testPeople } from "../testing/test-bed.js";
import type { TestBrowser } from "../testing/test-browser.js";
import { eventually, newCard, testPayment } from "../testing/test-records.js";
import { LabelSender } from "./label-sender.js";

const { CLOSED, OPENED, REOPENED } = CaseEventKind;
const FRAUD = { verdict: "fraud", reason: "stolen-card", note: "" };
const GENUINE = { verdict: "genuine", reason: "usual-pattern", note: "" };

const caseRow = z.object({ id: z.string(), revision: z.number() });

let bed: TestBed;
let ingestion: FakeService;
let consumer: EventConsumer;
let ana: TestBrowser;
const collector = new BatchCollector();

beforeAll(async () => {
  ingestion = await startFakeService();
  ingestion.answer = { status: 202, body: {} };
  bed = await startTestBed({ INGESTION_URL: ingestion.url, VERDICT_HOLD_SECONDS: "60" });
  ana = await bed.as(bed.people.analyst);
  consumer = await bed.kafka.consume({
    group: `test-${randomUUID()}`,
    topics: [AUDIT_TOPIC.name, CASE_EVENTS_TOPIC.name],
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

async function newCase({ amountMinor = 1_000, tenant = bed.tenant, score = 0.7 } = {}) {
  const card = newCard();
  const { vector, decision } = testPayment(tenant, { card, amountMinor, score });
  await bed.producer.send([vector, decision]);
  const [found] = await eventually(async () => {
    const rows = await bed.database.query(caseRow, "SELECT id, revision FROM console.cases WHERE card_token = $1", [
      card,
    ]);
    expect(rows).toHaveLength(1);
    return rows;
  });
  const { id = "", revision = 0 } = found ?? {};
  return { card, id, revision, path: `/api/cases/${id}` };
}

const valuesOf = (wanted: string): Buffer[] =>
  collector.batches.flatMap(({ topic, records }) => (topic === wanted ? records.map(({ value }) => value) : []));
const kindsOf = (id: string): CaseEventKind[] =>
  valuesOf(CASE_EVENTS_TOPIC.name)
    .map((value) => CaseEvent.decode(value))
    .flatMap((one) => (one.caseId === id ? [one.kind] : []));
const auditOf = (id: string): string[] =>
  valuesOf(AUDIT_TOPIC.name)
    .map((value) => AuditEvent.decode(value))
    .flatMap(({ subjectId, actor, action }) =>
      subjectId === id && actor === bed.people.analyst.id && action !== "case-viewed" ? [action] : [],
    );
/** The held events and labels of a case. */
const heldOf = (id: string): Promise<unknown[]> =>
  bed.database.query(
    z.unknown(),
    `SELECT 'event' FROM console.case_outbox WHERE case_id = $1 AND held_until_ms > 0
     UNION ALL SELECT 'label' FROM console.label_outbox WHERE case_id = $1`,
    [id],
  );
const labelsOf = (card: string): unknown[] =>
  ingestion.seen.flatMap(({ body }) => (JSON.stringify(body)?.includes(card) ? [body] : []));

/** Ends the time during which the verdict can be undone. Its event and its labels are not due yet. */
async function endHold(id: string): Promise<void> {
  await bed.database.execute("UPDATE console.cases SET undo_until_ms = 0 WHERE id = $1", [id]);
}

async function takeEffect(id: string): Promise<void> {
  await endHold(id);
  for (const change of ["case_outbox SET held_until_ms", "label_outbox SET next_try_at_ms"]) {
    await bed.database.execute(`UPDATE console.${change} = 0 WHERE case_id = $1`, [id]);
  }
}

test("an undone verdict sends no label and no event, and the audit log records it", async () => {
  const { card, id, revision, path } = await newCase();
  const { body } = await ana.post(`${path}/verdict`, { revision, ...FRAUD });
  expect(body).toMatchObject({ status: "closed", undoUntilMs: expect.any(Number) });
  const undone = await ana.post(`${path}/verdict/undo`, { revision: revision + 1 });
  expect(undone.body).toMatchObject({ status: "open", verdict: null, undoUntilMs: null, revision: revision + 2 });
  // An event of the undone verdict would arrive before the event of the next verdict.
  await ana.post(`${path}/verdict`, { revision: revision + 2, ...GENUINE });
  await takeEffect(id);
  await collector.until(() => kindsOf(id).length === 2, "two events of the case");
  expect(kindsOf(id)).toEqual([OPENED, CLOSED]);
  await eventually(async () => expect(labelsOf(card)).toMatchObject([{ fraud: false }]));
  const history = z.object({ history: z.array(z.object({ text: z.string() })) }).parse((await ana.get(path)).body);
  expect(history.history).toContainEqual({ text: "Undid the verdict fraud before it took effect." });
  await collector.until(() => auditOf(id).length === 3, "three entries about the case");
  expect(auditOf(id)).toEqual(["case-closed", "verdict-undone", "case-closed"]);
});

test("a verdict that has taken effect cannot be undone, but users can reopen the case and correct it", async () => {
  const { card, id, revision, path } = await newCase();
  await ana.post(`${path}/verdict`, { revision, ...FRAUD });
  await takeEffect(id);
  await eventually(async () => expect(labelsOf(card)).toMatchObject([{ fraud: true }]));
  const late = { status: 409, body: { code: "changed-meanwhile", detail: expect.stringContaining("taken effect") } };
  await expect(ana.post(`${path}/verdict/undo`, { revision: revision + 1 })).resolves.toMatchObject(late);
  await expect(ana.get(path)).resolves.toMatchObject({ body: { status: "closed", verdict: "fraud" } });
  await ana.post(`${path}/reopen`, { revision: revision + 1 });
  await ana.post(`${path}/verdict`, { revision: revision + 2, ...GENUINE });
  await takeEffect(id);
  await eventually(async () => expect(labelsOf(card)).toMatchObject([{ fraud: true }, { fraud: false }]));
  await collector.until(() => kindsOf(id).length === 4, "four events of the case");
  expect(kindsOf(id)).toEqual([OPENED, CLOSED, REOPENED, CLOSED]);
});

test("a verdict cannot be undone while its label is being sent, and the case does not change", async () => {
  const { id, revision, path } = await newCase();
  await ana.post(`${path}/verdict`, { revision, ...FRAUD });
  await bed.database.execute("UPDATE console.label_outbox SET tries = 1 WHERE case_id = $1", [id]);
  await expect(ana.post(`${path}/verdict/undo`, { revision: revision + 1 })).resolves.toMatchObject({ status: 409 });
  await expect(ana.get(path)).resolves.toMatchObject({ body: { status: "closed" } });
  const held = "SELECT case_id AS id, revision FROM console.case_outbox WHERE case_id = $1 AND held_until_ms > 0";
  expect(await bed.database.query(caseRow, held, [id])).toEqual([{ id, revision: revision + 1 }]);
});

test("if a case is reopened while its event is held, its events keep their order", async () => {
  const { id, revision, path } = await newCase();
  await ana.post(`${path}/verdict`, { revision, ...FRAUD });
  await endHold(id);
  await ana.post(`${path}/reopen`, { revision: revision + 1 });
  const other = await newCase();
  // If the cases are on two partitions, the newer event may arrive first.
  await collector.until(() => kindsOf(id).length > 0 && kindsOf(other.id).length > 0, "the events of both cases");
  expect(kindsOf(id)).toEqual([OPENED]);
  await takeEffect(id);
  await collector.until(() => kindsOf(id).length === 3, "three events of the case");
  expect(kindsOf(id)).toEqual([OPENED, CLOSED, REOPENED]);
});

test("regression #32: a second verdict replaces a queued label, even if the payment already has the label of that verdict", async () => {
  const { card, id, revision, path } = await newCase();
  await ana.post(`${path}/verdict`, { revision, ...FRAUD });
  await endHold(id);
  await ana.post(`${path}/reopen`, { revision: revision + 1 });
  const payment = "SELECT transaction_id AS id, 0 AS revision FROM console.case_payments WHERE case_id = $1";
  const [{ id: transactionId } = { id: "" }] = await bed.database.query(caseRow, payment, [id]);
  await bed.database.execute(
    `INSERT INTO console.labels (transaction_id, tenant, fraud, source, labelled_at_ms, read_at_ms)
     VALUES ($1, $2, false, 'chargeback', 1, $3)`,
    [transactionId, bed.tenant, Date.now()],
  );
  await ana.post(`${path}/verdict`, { revision: revision + 2, ...GENUINE });
  await takeEffect(id);
  await eventually(async () => expect(labelsOf(card)).toMatchObject([{ fraud: false }]));
});

test("regression #32: reopening a case during the hold undoes its verdict, and needs the permission to give verdicts", async () => {
  const { id, revision, path } = await newCase();
  await ana.post(`${path}/verdict`, { revision, ...FRAUD });
  expect(await heldOf(id)).toHaveLength(2);
  const { second } = bed.people;
  const kim = await bed.as({ ...second, id: `${second.id}-kim`, scope: "decisions:read cases:read cases:write" });
  await expect(kim.post(`${path}/reopen`, { revision: revision + 1 })).resolves.toMatchObject({ status: 403 });
  const { body } = await ana.post(`${path}/reopen`, { revision: revision + 1 });
  expect(body).toMatchObject({ status: "open", verdict: null, undoUntilMs: null });
  expect(await heldOf(id)).toEqual([]);
});

test("regression #32: a verdict cannot be undone after the hold, even if nothing has been sent", async () => {
  const { id, revision, path } = await newCase();
  await ana.post(`${path}/verdict`, { revision, ...FRAUD });
  await endHold(id);
  await expect(ana.post(`${path}/verdict/undo`, { revision: revision + 1 })).resolves.toMatchObject({ status: 409 });
  expect(await heldOf(id)).toHaveLength(2);
});

test("regression #32: a verdict can be undone even if the card has another open case by then", async () => {
  const { card, id, revision, path } = await newCase();
  await ana.post(`${path}/verdict`, { revision, ...FRAUD });
  const { vector, decision } = testPayment(bed.tenant, { card });
  await bed.producer.send([vector, decision]);
  const other = await eventually(async () => {
    const open = "SELECT id, revision FROM console.cases WHERE card_token = $1 AND status = 'open'";
    const [found] = await bed.database.query(caseRow, open, [card]);
    expect(found).toBeDefined();
    return found;
  });
  const undone = await ana.post(`${path}/verdict/undo`, { revision: revision + 1 });
  expect(undone).toMatchObject({ status: 200, body: { status: "closed", verdict: null, undoUntilMs: null } });
  expect(await heldOf(id)).toEqual([]);
  await ana.post(`/api/cases/${other?.id}/verdict`, { revision: other?.revision, ...GENUINE });
  const { body } = await ana.post(`${path}/reopen`, { revision: revision + 2 });
  expect(body).toMatchObject({ status: "open" });
});

test("regression #32: a label that was replaced after it was read is not sent", async () => {
  const { card, id, revision, path } = await newCase();
  await ana.post(`${path}/verdict`, { revision, ...FRAUD });
  const queued = await bed.database.query(z.unknown(), "SELECT * FROM console.label_outbox WHERE case_id = $1", [id]);
  expect(queued).toHaveLength(1);
  await ana.post(`${path}/verdict/undo`, { revision: revision + 1 });
  await ana.post(`${path}/verdict`, { revision: revision + 2, ...GENUINE });
  const database: Database = {
    ...bed.database,
    query: async (row, text, values) =>
      text.includes("next_try_at_ms <= $1")
        ? queued.map((one) => row.parse(one) as z.infer<typeof row>)
        : bed.database.query(row, text, values),
  };
  const sessions = { ofPerson: async () => undefined };
  const relay = { relayToken: async () => "token" };
  const logger = createLogger("test", "silent");
  const sender = new LabelSender(database, sessions, relay, { INGESTION_URL: ingestion.url }, logger);
  await sender.send();
  await sender.close();
  expect(labelsOf(card)).toEqual([]);
  expect(await heldOf(id)).toHaveLength(2);
});

test("a confirmed verdict that is undone waits for confirmation again", async () => {
  const ben = await bed.as(bed.people.second);
  const { revision, path } = await newCase({ amountMinor: 900_000 });
  await ana.post(`${path}/verdict`, { revision, ...FRAUD });
  const confirmed = await ben.post(`${path}/verdict`, { revision: revision + 1, ...FRAUD });
  expect(confirmed.body).toMatchObject({ status: "closed" });
  expect((await ben.get(path)).body).toMatchObject({ pendingVerdict: null });
  await ben.post(`${path}/verdict/undo`, { revision: revision + 2 });
  expect((await ben.get(path)).body).toMatchObject({ status: "open", pendingVerdict: { by: { name: "Ana" } } });
});

test("several verdicts can be undone together, but not those of another tenant", async () => {
  const [one, other] = [await newCase(), await newCase()];
  const foreign = await newCase({ tenant: `${bed.tenant}-other` });
  const cases = [one, other].map(({ id, revision }) => ({ id, revision }));
  await ana.post("/api/cases/bulk", { cases, change: { verdict: GENUINE } });
  const undone = await ana.post("/api/cases/bulk", {
    cases: [...cases, foreign].map(({ id, revision }) => ({ id, revision: revision + 1 })),
    change: { undo: {} },
  });
  expect(undone.body).toMatchObject({
    changed: [
      { id: one.id, status: "open" },
      { id: other.id, status: "open" },
    ],
    refused: [{ id: foreign.id, code: "not-found" }],
  });
});

describe("the next case", () => {
  const take = async (browser: TestBrowser, body: object) =>
    z.object({ id: z.string() }).safeParse((await browser.post("/api/cases/next", body)).body).data?.id;

  test("is the next one in the filtered queue, and after the last case, the first one", async () => {
    const tenant = `${bed.tenant}-next`;
    const nia = await bed.as(testPeople(tenant).analyst);
    const [small, middle, large, dear] = [
      await newCase({ tenant, amountMinor: 100 }),
      await newCase({ tenant, amountMinor: 200 }),
      await newCase({ tenant, amountMinor: 300 }),
      await newCase({ tenant, amountMinor: 9_000 }),
    ];
    const filters = { sort: "amount", descending: true, amountMinorMax: 1_000 };
    expect(await take(nia, { filters, after: middle.id })).toBe(small.id);
    expect(await take(nia, { filters, after: small.id })).toBe(large.id);
    // A case with a verdict keeps its place in the queue.
    await nia.post(`${large.path}/verdict`, { revision: large.revision + 1, ...GENUINE });
    expect(await take(nia, { filters, after: large.id })).toBe(middle.id);
    // If no case is given, only unassigned cases are taken.
    expect(await take(nia, { filters })).toBeUndefined();
    expect(await take(nia, {})).toBe(dear.id);
  });

  test("is never assigned to a colleague, and never from another tenant", async () => {
    const tenant = `${bed.tenant}-two`;
    const people = testPeople(tenant);
    const [nia, ben] = [await bed.as(people.analyst), await bed.as(people.second)];
    const [one, other] = [await newCase({ tenant }), await newCase({ tenant })];
    expect(await take(nia, {})).toBe(one.id);
    expect(await take(ben, { filters: {}, after: one.id })).toBe(other.id);
    expect(await take(nia, { filters: {}, after: one.id })).toBeUndefined();
    expect(await take(nia, { filters: { sort: "score" }, after: randomUUID() })).toBe(one.id);
  });

  test("regression #32: is never one for which the user requested a verdict", async () => {
    const tenant = `${bed.tenant}-own`;
    const people = testPeople(tenant);
    const [nia, ben] = [await bed.as(people.analyst), await bed.as(people.second)];
    const { id, revision, path } = await newCase({ tenant, amountMinor: 900_000 });
    await nia.post(`${path}/verdict`, { revision, ...FRAUD });
    expect(await take(nia, {})).toBeUndefined();
    expect(await take(nia, { filters: {}, after: randomUUID() })).toBeUndefined();
    expect(await take(ben, {})).toBe(id);
  });

  test.each([
    [{ after: "x" }, "/after"],
    [{ filters: { colour: "red" } }, "/filters/colour"],
  ])("rejects %j", async (body, pointer) => {
    const answer = { status: 422, body: { errors: [{ pointer }] } };
    await expect(ana.post("/api/cases/next", body)).resolves.toMatchObject(answer);
  });
});
