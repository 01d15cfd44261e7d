import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TOPICS } from "@tripline/contracts/topics";
import type { OutgoingRecord } from "@tripline/kafka/port";
import { TestArchive } from "@tripline/lake/testing/archive";
import { z } from "zod";
import { ProjectionStore } from "../projection/projection-store.js";
import type { TestBed } from "../testing/test-bed.js";
import { startTestBed } from "../testing/test-bed.js";
import { newCard, testPayment } from "../testing/test-records.js";
import { rebuildProjection } from "./rebuild-projection.js";

const AT_MS = Date.parse("2026-03-01T12:00:00Z");
const opening = { outcomes: new Set([Outcome.REVIEW]), dueAfterMs: 60_000 };

let bed: TestBed;
let lake: string;

beforeAll(async () => {
  lake = await mkdtemp(join(tmpdir(), "tripline-console-lake-"));
  bed = await startTestBed();
});

afterAll(async () => {
  await bed?.close();
  await rm(lake, { recursive: true, force: true });
});

const row = z.object({ id: z.string(), vector: z.instanceof(Buffer), decision: z.instanceof(Buffer) });
const caseRow = z.object({ card: z.string(), payments: z.number() });

test("payments, decisions and labels come back from a lake as they were, without erased people, and again without a change", async () => {
  const [open, answered, erased] = [newCard(), newCard(), newCard()].map((card) =>
    testPayment(bed.tenant, { card, atMs: AT_MS, decidedAtMs: AT_MS, outcome: Outcome.REVIEW }),
  );
  if (open === undefined || answered === undefined || erased === undefined) throw new Error("there are three");
  const archive = new TestArchive(lake, { cluster: "test", topicPrefix: "" });
  const append = (topic: string, records: readonly OutgoingRecord[]) =>
    archive.append(
      topic,
      records.map(({ value }, offset) => ({ partition: 1, offset, value: value ?? Buffer.alloc(0) })),
    );
  const all = [open, answered, erased];
  await append(
    TOPICS.features.name,
    all.map(({ vector }) => vector),
  );
  await append(
    TOPICS.decisions.name,
    all.map(({ decision }) => decision),
  );
  await append(TOPICS.labels.name, [answered.label(true, AT_MS)]);
  const store = new ProjectionStore(bed.database, opening);
  const erasures = [{ tenant: bed.tenant, subject: erased.vector.key ?? "" }];
  const rebuild = () => rebuildProjection({ store, lake, days: ["2026-03-01"], erasures });
  await expect(rebuild()).resolves.toEqual(
    new Map([
      [TOPICS.labels.name, 1],
      [TOPICS.features.name, 2],
      [TOPICS.decisions.name, 2],
    ]),
  );
  await rebuild();
  const rows = await bed.database.query(
    row,
    `SELECT transaction_id AS id, p.record AS vector, d.record AS decision
     FROM console.payments p JOIN console.decisions d USING (transaction_id) WHERE p.tenant = $1`,
    [bed.tenant],
  );
  expect(rows.toSorted((one, other) => one.id.localeCompare(other.id))).toEqual(
    [open, answered]
      .map(({ transactionId, vector, decision }) => {
        return { id: transactionId, vector: Buffer.from(vector.value), decision: Buffer.from(decision.value) };
      })
      .toSorted((one, other) => one.id.localeCompare(other.id)),
  );
  const cases = "SELECT card_token AS card, payments FROM console.cases WHERE tenant = $1";
  await expect(bed.database.query(caseRow, cases, [bed.tenant])).resolves.toEqual([
    { card: open.vector.key, payments: 1 },
  ]);
});

test("a lake that lacks a topic is refused before anything is written", async () => {
  const nowhere = rebuildProjection({
    store: { add: () => Promise.reject(new Error("it was written to")) },
    lake: join(lake, "nowhere"),
    days: ["2026-03-01"],
    erasures: [],
  });
  await expect(nowhere).rejects.toMatchObject({ code: "not-found" });
});
