import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  Decision,
  DeclinedBy,
  Outcome,
  PaymentUpdate,
  PaymentUpdateKind,
} from "@tripline/contracts/generated/tripline/events/v1/events";
import type { BacktestRow } from "@tripline/decision-engine/backtest/backtest-row";
import { truthOf } from "@tripline/decision-engine/backtest/population";
import { LakeScan } from "@tripline/lake/read/scan-lake";
import { TestArchive } from "@tripline/lake/testing/archive";
import { surveyLabels } from "../backtest/survey-labels.js";
import { writeLoggedFeatures } from "../retraining/retrain-dataset.js";
import { DAY_MS, label, NOON_MS, rowsOf, spec, vector } from "../retraining/testing/payments.js";
import { settleFile } from "./settle-labels.js";

const DAYS = 24;
/** Later than all labels. */
const CUTOFF_MS = NOON_MS + (DAYS + 10) * DAY_MS;
const atDay = (day: number): number => NOON_MS + day * DAY_MS;

let lake: string;
beforeEach(async () => {
  lake = await mkdtemp(join(tmpdir(), "tripline-truth-"));
});
afterEach(() => rm(lake, { recursive: true, force: true }));

const declined = (id: string, occurredAtMs: number): Uint8Array =>
  Decision.encode({
    ...Decision.decode(Buffer.of()),
    ...{ transactionId: `txn_${id}`, tenant: "demo", clientTransactionId: id, outcome: Outcome.DECLINE },
    ...{ occurredAtMs, decidedAtMs: occurredAtMs },
  }).finish();

const update = (id: string, kind: PaymentUpdateKind, updatedAtMs: number): Uint8Array =>
  PaymentUpdate.encode({
    ...PaymentUpdate.decode(Buffer.of()),
    ...{ updateId: `upd_${id}`, tenant: "demo", transactionId: `txn_${id}`, clientTransactionId: id, kind },
    ...{ declinedBy: DeclinedBy.UNSPECIFIED, updatedAtMs, acceptedAtMs: updatedAtMs },
  }).finish();

/** Archives, per day, one authorised fraud that is reported after 1 to 5 days, and one payment for every other fate. */
async function archivePayments(hasGenuineLabels: boolean): Promise<void> {
  const archive = new TestArchive(lake, { cluster: "test", topicPrefix: "" });
  const keep = (topic: string, values: Uint8Array[]): Promise<unknown> =>
    archive.append(
      topic,
      values.map((value, offset) => ({ partition: 0, offset, value })),
    );
  const days = Array.from({ length: DAYS }, (_, day) => day);
  const names = ["fraud", "quiet", "tripline", "issuer", "abandoned"];
  const times = (day: number) => ({ occurredAtMs: atDay(day) });
  const kept = days.flatMap((day) =>
    names.map((name) => vector(`${name}${day}`, [1, 2, 3], { computedAtMs: atDay(day) }, times(day))),
  );
  await keep("features", kept);
  const reports = days.map((day) => label(`fraud${day}`, true, day + 1 + (day % 5), times(day)));
  const genuine = days.flatMap((day) =>
    ["quiet", "issuer"].map((name) => label(`${name}${day}`, false, day + 1, times(day))),
  );
  await keep("labels", hasGenuineLabels ? [...reports, ...genuine] : reports);
  await keep(
    "decisions",
    days.map((day) => declined(`tripline${day}`, atDay(day))),
  );
  await keep(
    "payment-updates",
    days.flatMap((day) => [
      update(`issuer${day}`, PaymentUpdateKind.DECLINED, atDay(day)),
      update(`abandoned${day}`, PaymentUpdateKind.THREE_DS_ABANDONED, atDay(day)),
      update(`quiet${day}`, PaymentUpdateKind.AUTHORISED, atDay(day)),
    ]),
  );
}

const optionsOf = () =>
  ({ lake, spec, cutoffMs: CUTOFF_MS, labelsBy: "event-time", outputPath: join(lake, "rows.parquet") }) as const;

test("regression #31: with fraud reports alone, mature payments that went through are genuine, as in a backtest", async () => {
  await archivePayments(false);
  const { rows, labelled, frauds } = await writeLoggedFeatures(optionsOf());
  const scan = await LakeScan.open();
  const survey = await surveyLabels(scan, { ...optionsOf(), unlabelled: "auto" }).finally(() => scan.close());
  const delayDays = survey.delayDays ?? 0;
  expect([5, 6]).toContain(delayDays);
  const expected = { quiet: 0, tripline: null, issuer: null, abandoned: null } as const;
  const wrong = (await rowsOf(optionsOf().outputPath)).filter(([id, , , occurredAtMs, labelledAtMs, fraud]) => {
    const name = String(id).replace(/^txn_|\d+$/g, "") as keyof typeof expected | "fraud";
    if (name === "fraud") return fraud !== null && fraud !== 1;
    const row = {
      occurredAtMs,
      isFraud: undefined,
      decided: name === "tripline" ? Outcome.DECLINE : Outcome.APPROVE,
      isNotPaid: name === "issuer" || name === "abandoned",
    } as BacktestRow;
    const truth = truthOf(row, survey);
    return (
      fraud !== (truth === "genuine" ? expected[name] : null) ||
      labelledAtMs !== (truth === "genuine" ? Number(occurredAtMs) + delayDays * DAY_MS : null)
    );
  });
  expect(wrong).toEqual([]);
  expect(rows).toBe(5 * DAYS);
  expect(labelled - frauds).toBeGreaterThan(15);
});

test("an explored payment is genuine without a report, and represents similar declines", async () => {
  await archivePayments(false);
  const archive = new TestArchive(lake, { cluster: "test", topicPrefix: "" });
  const explored = Decision.encode({
    ...Decision.decode(declined("quiet3", atDay(3))),
    ...{ outcome: Outcome.APPROVE, explorationProbability: 0.25 },
  }).finish();
  const couldBe = Decision.encode({
    ...Decision.decode(declined("tripline4", atDay(4))),
    ...{ explorationProbability: 0.25 },
  }).finish();
  await archive.append(
    "decisions",
    [explored, couldBe].map((value, index) => ({ partition: 0, offset: 100 + index, value })),
  );
  const weightsOf = async (): Promise<unknown[][]> =>
    (await rowsOf(optionsOf().outputPath)).map((row) => [row[0], row[5], row.at(-1)]);
  await writeLoggedFeatures(optionsOf());
  const weights = await weightsOf();
  expect(weights.filter(([, , weight]) => weight !== 1)).toEqual([["txn_quiet3", 0, 4]]);
  expect(weights.find(([id]) => id === "txn_tripline4")).toEqual(["txn_tripline4", null, 1]);
  expect(weights.map(([id]) => Number(String(id).replace(/\D/g, "")))).toEqual(
    weights.map(([id]) => Number(String(id).replace(/\D/g, ""))).toSorted((one, other) => one - other),
  );
});

test.each([
  ["explored", null],
  ["not explored", 1],
])("regression #31: if payments like it are %s, a labelled decline has the verdict %s", async (state, verdict) => {
  await archivePayments(false);
  const archive = new TestArchive(lake, { cluster: "test", topicPrefix: "" });
  const decided = (id: string, day: number, outcome: Outcome, explorationProbability: number): Uint8Array =>
    Decision.encode({ ...Decision.decode(declined(id, atDay(day))), outcome, explorationProbability }).finish();
  const explored = state === "explored" ? [decided("quiet3", 3, Outcome.APPROVE, 0.25)] : [];
  const undrawn = decided("tripline4", 4, Outcome.DECLINE, 0.25);
  const overLimit = decided("tripline5", 5, Outcome.DECLINE, 0);
  const append = (topic: string, values: Uint8Array[]): Promise<unknown> =>
    archive.append(
      topic,
      values.map((value, index) => ({ partition: 0, offset: 100 + index, value })),
    );
  await append("decisions", [...explored, undrawn, overLimit]);
  const labelled = [4, 5].map((day) => label(`tripline${day}`, true, day + 1, { occurredAtMs: atDay(day) }));
  await append("labels", labelled);
  await writeLoggedFeatures(optionsOf());
  const verdicts = new Map((await rowsOf(optionsOf().outputPath)).map(([id, , , , at, fraud]) => [id, [at, fraud]]));
  expect(verdicts.get("txn_tripline4")).toEqual([verdict === null ? null : atDay(5), verdict]);
  expect(verdicts.get("txn_tripline5")).toEqual([atDay(6), 1]);
});

test("regression #31: in recomputed features, declines that explored payments represent have no verdict", async () => {
  const [computed, path] = [join(lake, "computed.parquet"), join(lake, "settled.parquet")];
  const scan = await LakeScan.open();
  try {
    await scan.row(`COPY (SELECT col0 AS client_transaction_id, 0::BIGINT AS occurred_at_ms,
      5::BIGINT AS labelled_at_ms, 1::TINYINT AS fraud FROM (VALUES ('a'), ('b'), ('c'))) TO '${computed}'`);
    const explored = "(SELECT * FROM (VALUES ('a', 4.0), ('b', 0.0)) AS t(client_transaction_id, weight))";
    await settleFile(scan, computed, path, { unlabelled: "auto", explored });
  } finally {
    await scan.close();
  }
  expect(await rowsOf(path)).toEqual([
    ["a", 0, 5, 1, 4],
    ["b", 0, null, null, 1],
    ["c", 0, 5, 1, 1],
  ]);
});

test("a payment without a label stays unknown if genuine payments are labelled", async () => {
  await archivePayments(true);
  await writeLoggedFeatures(optionsOf());
  const rows = await rowsOf(optionsOf().outputPath);
  expect(rows.filter(([id, , , , at]) => /abandoned|tripline/.test(String(id)) && at !== null)).toEqual([]);
});

test("regression #31: reports of payments before the first day do not lengthen the delay", async () => {
  const archive = new TestArchive(lake, { cluster: "test", topicPrefix: "" });
  const atMs = atDay(70);
  const values = [vector("quiet", [1, 2, 3], { computedAtMs: atMs }, { occurredAtMs: atMs })];
  await archive.append("features", [{ partition: 0, offset: 0, value: values[0] ?? Buffer.of() }]);
  // 4 % of the reports take 30 days, and the others take 2 days.
  const reports = Array.from({ length: 90 * 50 }, (_, index) => {
    const day = Math.floor(index / 50);
    return { day, afterDays: day + (index % 50 < 2 ? 30 : 2), id: `fraud${index}` };
  }).filter(({ afterDays }) => afterDays < 90);
  await archive.append(
    "labels",
    reports.map(({ day, afterDays, id }, offset) => {
      const value = label(id, true, afterDays, { occurredAtMs: atDay(day) });
      return { partition: 0, offset, value };
    }),
  );
  await writeLoggedFeatures({ ...optionsOf(), cutoffMs: atDay(90), fromMs: atDay(60) });
  const [quiet] = await rowsOf(optionsOf().outputPath);
  expect(quiet?.slice(4, 6)).toEqual([atDay(73), 0]);
});
