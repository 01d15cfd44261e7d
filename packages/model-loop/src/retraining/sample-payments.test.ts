import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TestArchive } from "@tripline/lake/testing/archive";
import type { LakeDatasetOptions } from "./retrain-dataset.js";
import { writeLoggedFeatures } from "./retrain-dataset.js";
import type { SampleOptions } from "./sample-payments.js";
import { DAY_MS, label, NOON_MS, rowsOf, spec, vector } from "./testing/payments.js";

let lake: string;

beforeEach(async () => {
  lake = await mkdtemp(join(tmpdir(), "tripline-sample-"));
});

afterEach(() => rm(lake, { recursive: true, force: true }));

async function archive(topic: string, values: readonly Uint8Array[], firstOffset = 0): Promise<void> {
  await new TestArchive(lake, { cluster: "test", topicPrefix: "" }).append(
    topic,
    values.map((value, index) => ({ partition: 0, offset: firstOffset + index, value })),
  );
}

async function logged(change: Partial<LakeDatasetOptions>) {
  const outputPath = join(lake, "dataset.parquet");
  const cutoffMs = NOON_MS + 10 * DAY_MS;
  const report = await writeLoggedFeatures({ lake, spec, cutoffMs, labelsBy: "event-time", outputPath, ...change });
  return { report, rows: await rowsOf(outputPath) };
}

const hashOf = (text: string) =>
  Number.parseInt(createHash("md5").update(text).digest("hex").slice(0, 8), 16) / 2 ** 32;

test("samples a large lake by hash, and writes the shares to the file", async () => {
  const ids = Array.from({ length: 400 }, (_, index) => `p${index}`);
  const of = (index: number) => ({ occurredAtMs: NOON_MS - (index % 4) * DAY_MS, cardToken: `ct_${index % 40}` });
  const isFraud = (index: number) => index % 10 === 0;
  const isLabelled = (index: number) => index % 2 === 0;
  await archive(
    "features",
    ids.map((id, index) => vector(id, [index, 1, 1], {}, of(index))),
  );
  await archive(
    "labels",
    ids.flatMap((id, index) => (isLabelled(index) ? [label(id, isFraud(index), 1)] : [])),
  );
  // 40 of the 200 labels are frauds. If all frauds were included, they would exceed a quarter of the rows.
  const sample: SampleOptions = { rowsMax: 100, purpose: "training" };
  const { report, rows } = await logged({ sample });
  const { shares } = report;
  expect(shares).toMatchObject({ frauds: 25 / 40, unlabelled: 100 / 400, cards: 50 / 200 });
  expect(shares?.genuine).toBeCloseTo(25 / 160, 9);
  const bounds = shares ?? { frauds: 0, genuine: 0, unlabelled: 0, cards: 0 };
  const expected = ids.filter((id, index) => {
    const share = isLabelled(index) ? (isFraud(index) ? bounds.frauds : bounds.genuine) : bounds.unlabelled;
    return hashOf(`txn_${id}`) < share || (isLabelled(index) && hashOf(of(index).cardToken) < bounds.cards);
  });
  expect(rows.map(([id]) => id).sort()).toEqual(expected.map((id) => `txn_${id}`).sort());
  expect(rows.map(([, , , at]) => at)).toEqual(rows.map(([, , , at]) => at).sort());
  // The lake is read in four parts, and rows of the earlier parts are removed later.
  expect(await logged({ sample, recordsTogether: 100 })).toEqual({ report, rows });
  expect((await logged({ sample: { ...sample, rowsMax: 400 } })).report).toMatchObject({ rows: 400, labelled: 200 });
  const compared = (await logged({ sample: { rowsMax: 100, purpose: "comparison" } })).rows;
  expect(compared.map(([id]) => id).sort()).toEqual(
    ids.flatMap((id) => (hashOf(`txn_${id}`) < 0.25 ? [`txn_${id}`] : [])).sort(),
  );
});

const comparison: SampleOptions = { rowsMax: 20, purpose: "comparison" };

test("writes all payments of a small tenant in a large lake", async () => {
  const others = Array.from({ length: 60 }, (_, index) => vector(`o${index}`, [1, 1, 1], {}, { tenant: "other" }));
  const mine = Array.from({ length: 20 }, (_, index) => vector(`p${index}`, [1, 1, 1]));
  await archive("features", [...others, ...mine]);
  const { report } = await logged({ tenant: "demo", sample: comparison });
  expect(report).toEqual({ rows: 20, labelled: 0, frauds: 0, otherSpec: 0, incomplete: 0 });
});

test("writes all payments of a lake from which most days were removed", async () => {
  const payments = Array.from({ length: 20 }, (_, index) => vector(`p${index}`, [1, 1, 1]));
  await archive("features", payments, 1_000);
  expect((await logged({ sample: comparison })).report.rows).toBe(20);
});
