import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { Decision, Outcome, Rung, Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { dayOf } from "@tripline/lake/lake-layout";
import { TestArchive } from "@tripline/lake/testing/archive";
import type { LakeDatasetOptions } from "./retrain-dataset.js";
import { newestPaymentMs, writeComputedFeatures, writeLoggedFeatures, writeServedScores } from "./retrain-dataset.js";
import { DAY_MS, label, NOON_MS, payment, rowsOf, runSql, spec, vector } from "./testing/payments.js";
import { writePaymentKinds } from "./write-payment-kinds.js";

const CUTOFF_MS = NOON_MS + 10 * DAY_MS;

let lake: string;
let archive: TestArchive;
let next: number;

beforeEach(async () => {
  lake = await mkdtemp(join(tmpdir(), "tripline-dataset-"));
  archive = new TestArchive(lake, { cluster: "test", topicPrefix: "" });
  next = 0;
});

afterEach(() => rm(lake, { recursive: true, force: true }));

const decision = (id: string, change: Partial<Decision>): Uint8Array =>
  Decision.encode({
    transactionId: `txn_${id}`,
    tenant: "demo",
    clientTransactionId: id,
    cardToken: "ct_1",
    outcome: Outcome.APPROVE,
    reasons: [],
    listHits: [],
    score: 0.25,
    rung: Rung.MODEL,
    degradedBecause: "",
    policyVersion: "p1",
    modelName: "fraud",
    modelVersion: "1",
    featureSpecVersion: spec.version,
    occurredAtMs: NOON_MS,
    acceptedAtMs: NOON_MS,
    decidedAtMs: NOON_MS,
    wordingVersion: "w1",
    policyRevision: 7,
    shadowHits: [],
    spentBudgets: [],
    skippedRules: [],
    ...change,
  }).finish();

async function keep(topic: string, ...values: Uint8Array[]): Promise<void> {
  const first = next;
  next += values.length;
  await archive.append(
    topic,
    values.map((value, index) => ({ partition: 0, offset: first + index, value })),
  );
}

/** Makes the files of a day unreadable, like those in an archive storage tier. */
async function makeUnreadable(topic: string, daysLater: number): Promise<void> {
  const folder = join(lake, topic, `day=${dayOf(NOON_MS + daysLater * DAY_MS)}`);
  for (const name of await readdir(folder)) await writeFile(join(folder, name), "unreadable");
}

const optionsOf = (change: Partial<LakeDatasetOptions> = {}): LakeDatasetOptions => ({
  lake,
  spec,
  cutoffMs: CUTOFF_MS,
  labelsBy: "event-time",
  outputPath: join(lake, "dataset.parquet"),
  // These lakes have too few labels to determine what a missing one means.
  unlabelled: "unknown",
  ...change,
});

async function logged(change: Partial<LakeDatasetOptions> = {}) {
  const options = optionsOf(change);
  const report = await writeLoggedFeatures(options);
  return { report, rows: await rowsOf(options.outputPath) };
}

/** Id, label time and verdict. */
const truths = (rows: readonly unknown[][]) => rows.map(([id, , , , at, fraud]) => [id, at, fraud]);

test("includes a payment once, with the features of its decision, and reports the excluded ones", async () => {
  await keep(
    "features",
    vector("b", [1, 2, 0.1 + 0.2]),
    vector("a", [4, 5, 6], {}, { occurredAtMs: NOON_MS - 1, cardToken: "ct_2", terminalId: "t-9" }),
    // Redelivered, and computed again after Redis was rebuilt: the first one was used for the decision.
    vector("b", [1, 2, 0.1 + 0.2]),
    vector("b", [9, 9, 9], { computedAtMs: NOON_MS + 1 }),
    vector("lost", [1, 1, 1], { incomplete: true }),
    vector("lost", [2, 2, 2], { computedAtMs: NOON_MS + 1 }),
    vector("old", [1, 1, 1], { specVersion: spec.version - 1 }),
    vector("narrow", [1, 1]),
    vector("late", [7, 8, 9], {}, { occurredAtMs: CUTOFF_MS }),
  );
  const { report, rows } = await logged();
  expect(rows).toEqual([
    ["txn_a", "ct_2", "t-9", NOON_MS - 1, null, null, 4, 5, 6],
    ["txn_b", "ct_1", "t-1", NOON_MS, null, null, 1, 2, 0.1 + 0.2],
  ]);
  expect(report).toEqual({ rows: 2, labelled: 0, frauds: 0, otherSpec: 2, incomplete: 1 });
});

test("a label counts from its arrival, and a later one corrects an earlier one", async () => {
  await keep("features", ...["corrected", "future", "genuine", "none"].map((id) => vector(id, [1, 2, 3])));
  next = 0;
  await keep(
    "labels",
    label("corrected", false, 1),
    label("genuine", false, 3),
    label("corrected", true, 5),
    // One millisecond after the cut-off, and one exactly at it.
    label("future", true, 10, { labelledAtMs: CUTOFF_MS + 1 }),
    label("corrected", false, 11),
    label("of nobody", true, 2),
    label("none", true, 2, { tenant: "other" }),
  );
  expect(truths((await logged()).rows)).toEqual([
    ["txn_corrected", NOON_MS + 5 * DAY_MS, 1],
    ["txn_future", null, null],
    ["txn_genuine", NOON_MS + 3 * DAY_MS, 0],
    ["txn_none", null, null],
  ]);
  const { report, rows } = await logged({ cutoffMs: CUTOFF_MS + 1 });
  expect(truths(rows)[1]).toEqual(["txn_future", CUTOFF_MS + 1, 1]);
  expect(report).toMatchObject({ labelled: 3, frauds: 2 });
});

test("a label dated before its payment is known right after it, and is not in its own features", async () => {
  await keep("features", vector("a", [1, 2, 3]), vector("b", [1, 2, 3]), vector("c", [1, 2, 3]));
  next = 0;
  await keep("transactions", ...["a", "b", "c"].map((id) => Transaction.encode(payment(id)).finish()));
  next = 0;
  await keep("labels", label("a", true, -2, { occurredAtMs: NOON_MS - 3 * DAY_MS }), label("b", true, 0));
  const expected = [
    ["txn_a", NOON_MS + 1, 1],
    ["txn_b", NOON_MS + 1, 1],
    ["txn_c", null, null],
  ];
  expect(truths((await logged()).rows)).toEqual(expected);
  const full = currentFeatureSpec();
  const options = optionsOf({ spec: full, tenant: "demo", outputPath: join(lake, "computed.parquet") });
  await writeComputedFeatures(options);
  const rows = await rowsOf(options.outputPath);
  expect(truths(rows)).toEqual(expected);
  const at = 6 + full.features.findIndex(({ name }) => name === "card_fraud_count_7d");
  expect(rows.map((row) => row[at])).toEqual([0, 0, 0]);
});

test("the same positions give the same bytes, even after the lake has grown", async () => {
  await keep("features", vector("a", [1, 2, 3]), vector("b", [4, 5, 6]));
  next = 0;
  await keep("labels", label("a", true, 1));
  const positions = { features: { "0": 2 }, labels: { "0": 1 } };
  const before = await logged({ positions });
  const bytes = await readFile(optionsOf().outputPath);
  await keep("labels", label("b", true, 1), label("a", false, 2));
  next = 2;
  await keep("features", vector("c", [7, 8, 9]));
  expect((await logged({ positions })).rows).toEqual(before.rows);
  expect(Buffer.compare(await readFile(optionsOf().outputPath), bytes)).toBe(0);
  expect(truths((await logged()).rows)).toEqual([
    ["txn_a", NOON_MS + 2 * DAY_MS, 0],
    ["txn_b", NOON_MS + DAY_MS, 1],
    ["txn_c", null, null],
  ]);
  // A topic that was empty at the cut-off counts as empty, even if records arrived later.
  const { labels: _, ...without } = positions;
  expect(truths((await logged({ positions: without })).rows).map(([, at]) => at)).toEqual([null, null]);
});

test("reads only the requested days of a large lake", async () => {
  const old = { occurredAtMs: NOON_MS - 200 * DAY_MS };
  const later = { occurredAtMs: NOON_MS + DAY_MS };
  await keep("features", vector("old", [1, 1, 1], {}, old), vector("a", [1, 2, 3]), vector("b", [4, 5, 6], {}, later));
  next = 0;
  const paid = [payment("old", old), payment("a"), payment("b", later)];
  await keep("transactions", ...paid.map((each) => Transaction.encode(each).finish()));
  next = 0;
  await keep("labels", label("old", true, -199, old), label("a", true, 0.25), label("b", false, 2, later));
  next = 0;
  await keep("decisions", decision("old", { ...old, decidedAtMs: old.occurredAtMs }), decision("a", {}));
  const asked = { fromMs: NOON_MS - DAY_MS, cutoffMs: NOON_MS + DAY_MS / 2, tenant: "demo" };
  const files = {
    logged: optionsOf({ ...asked, outputPath: join(lake, "logged.parquet") }),
    computed: optionsOf({ ...asked, spec: currentFeatureSpec(), outputPath: join(lake, "computed.parquet") }),
    scores: optionsOf({ ...asked, outputPath: join(lake, "scores.parquet") }),
  };
  const read = async () => {
    await writeLoggedFeatures(files.logged);
    await rm(files.computed.outputPath, { force: true });
    await writeComputedFeatures(files.computed);
    await writeServedScores(files.scores);
    return Promise.all(Object.values(files).map(({ outputPath }) => rowsOf(outputPath)));
  };
  const whole = await read();
  expect(whole.map((rows) => rows.map(([id]) => id))).toEqual([["txn_a"], ["txn_a"], ["txn_a"]]);
  const others = { features: [-200, 1], transactions: [-200, 1], labels: [-199, 2], decisions: [-200] };
  for (const [topic, days] of Object.entries(others)) for (const day of days) await makeUnreadable(topic, day);
  expect(await read()).toEqual(whole);
  await expect(logged()).rejects.toMatchObject({ code: "lake-unavailable" });
});

test("searches for the newest payment only in the newest days", async () => {
  const old = { occurredAtMs: NOON_MS - 200 * DAY_MS };
  await keep(
    "features",
    vector("old", [1, 1, 1], {}, old),
    vector("a", [1, 2, 3]),
    vector("b", [4, 5, 6], {}, { tenant: "other", occurredAtMs: NOON_MS + DAY_MS }),
  );
  await makeUnreadable("features", -200);
  expect(await newestPaymentMs({ lake })).toBe(NOON_MS + DAY_MS);
  expect(await newestPaymentMs({ lake, tenant: "demo" })).toBe(NOON_MS);
  expect(await newestPaymentMs({ lake, positions: { features: { "0": 2 } } })).toBe(NOON_MS);
});

test("separates tenants, even with the same IDs", async () => {
  await keep(
    "features",
    vector("a", [1, 2, 3]),
    vector("a", [4, 5, 6], {}, { tenant: "other", transactionId: "txn_o" }),
  );
  next = 0;
  await keep("labels", label("a", true, 1, { tenant: "other" }));
  expect(truths((await logged()).rows)).toEqual([
    ["txn_a", null, null],
    ["txn_o", NOON_MS + DAY_MS, 1],
  ]);
  expect((await logged({ tenant: "demo" })).rows.map(([id]) => id)).toEqual(["txn_a"]);
  await expect(newestPaymentMs({ lake, tenant: "nobody" })).rejects.toMatchObject({ code: "not-found" });
  expect(await newestPaymentMs({ lake })).toBe(NOON_MS);
});

test("can recompute features from archived payments and the labels that had arrived", async () => {
  const later = { occurredAtMs: NOON_MS + 3 * DAY_MS };
  await keep(
    "transactions",
    ...[payment("a"), payment("a"), payment("b", { ...later, amountMinor: 2_000 })].map((each) =>
      Transaction.encode(each).finish(),
    ),
  );
  next = 0;
  await keep("labels", label("a", true, 1), label("b", true, 99));
  const full = currentFeatureSpec();
  const options = optionsOf({ spec: full, tenant: "demo" });
  expect(await writeComputedFeatures(options)).toMatchObject({ rows: 2, labelled: 1, frauds: 1 });
  const rows = await rowsOf(options.outputPath);
  expect(truths(rows)).toEqual([
    ["txn_a", NOON_MS + DAY_MS, 1],
    ["txn_b", null, null],
  ]);
  const at = (name: string) => 6 + full.features.findIndex((feature) => feature.name === name);
  // The second payment counts the first one's fraud, which was confirmed by then.
  expect(rows.map((row) => row[at("card_fraud_count_7d")])).toEqual([0, 1]);
  await expect(writeComputedFeatures(optionsOf())).rejects.toThrow("Specify it with --tenant");
});

test("takes the served scores of one model, the first one for each payment", async () => {
  const path = join(lake, "scores.parquet");
  expect(await writeServedScores(optionsOf({ outputPath: path }))).toEqual(new Map());
  await keep(
    "decisions",
    decision("a", {}),
    decision("a", { score: 0.5, decidedAtMs: NOON_MS + 1 }),
    decision("b", { rung: Rung.RULES_ONLY, score: undefined }),
    decision("c", { rung: Rung.SCORECARD, score: 0.75 }),
  );
  expect(await writeServedScores(optionsOf({ outputPath: path }))).toEqual(new Map([[NOON_MS / DAY_MS - 0.5, 1]]));
  expect(await rowsOf(path)).toEqual([["txn_a", 0.25]]);
});

test("keeps the first record of a payment on two days, although the days are read separately", async () => {
  await keep(
    "features",
    vector("a", [1, 1, 1]),
    vector("a", [2, 2, 2], { computedAtMs: NOON_MS + DAY_MS }, { occurredAtMs: NOON_MS + DAY_MS }),
    vector("b", [3, 3, 3], {}, { occurredAtMs: NOON_MS + 2 * DAY_MS }),
    vector("lost", [1, 1, 1], { incomplete: true }),
    vector("lost", [2, 2, 2], { computedAtMs: NOON_MS + DAY_MS }, { occurredAtMs: NOON_MS + DAY_MS }),
  );
  const { report, rows } = await logged({ recordsTogether: 1 });
  expect(rows.map(([id, , , , , , value]) => [id, value])).toEqual([
    ["txn_a", 1],
    ["txn_b", 3],
  ]);
  expect(report).toMatchObject({ rows: 2, incomplete: 1 });
  expect(await readdir(lake)).not.toContain("dataset.parquet.parts");
});

test("reports a folder that is not a lake", async () => {
  await expect(logged()).rejects.toMatchObject({
    code: "not-found",
    message: expect.stringContaining("There is no archive of features in"),
  });
});

test.each(["log", "backfill"] as const)(
  "regression #31: writes tenant and currency only of the dataset's payments, each once, from the %s",
  async (from) => {
    const kinds = [
      ["b", { tenant: "demo", currency: "JPY" }],
      ["a", { tenant: "other", currency: "EUR" }],
      ["b", { tenant: "demo", currency: "JPY" }],
      ["later", { tenant: "demo", occurredAtMs: CUTOFF_MS }],
      ["unsampled", { tenant: "demo" }],
    ] as const;
    const record = (id: string, change: object) =>
      from === "log" ? vector(id, [1, 2, 3], {}, change) : Transaction.encode(payment(id, change)).finish();
    await keep(from === "log" ? "features" : "transactions", ...kinds.map(([id, change]) => record(id, change)));
    const [dataset, path] = [join(lake, "ids.parquet"), join(lake, "payments.parquet")];
    const ids = "unnest(['txn_a', 'txn_b', 'txn_later'])";
    await runSql(`COPY (SELECT ${ids} AS client_transaction_id) TO '${dataset}' (FORMAT parquet)`);
    await writePaymentKinds({ lake, cutoffMs: CUTOFF_MS }, from, dataset, path);
    expect(await rowsOf(path)).toEqual([
      ["txn_a", "other", "EUR"],
      ["txn_b", "demo", "JPY"],
    ]);
  },
);
