import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  Decision,
  DeclinedBy,
  FeatureVector,
  Label,
  Outcome,
  PaymentUpdate,
  PaymentUpdateKind,
  Rung,
  Transaction,
} from "@tripline/contracts/generated/tripline/events/v1/events";
import { LakeScan } from "@tripline/lake/read/scan-lake";
import { TestArchive } from "@tripline/lake/testing/archive";
import { readMarkdown } from "./read-markdown.js";

const NOTHING = new Uint8Array();
const AT_MS = Date.UTC(2026, 10, 28, 12);
const [LAKE_OF_PAGE, PAGE] = [".tripline/demo/lake", "../../../../docs/query-the-lake.md"];

/** In the order of the page; the first one creates the views. */
const [setUp = "", ...queries] = readMarkdown(readFileSync(new URL(PAGE, import.meta.url), "utf8")).flatMap((node) =>
  node.type === "code" && node.lang === "sql" ? [node.value] : [],
);
const { APPROVE, REVIEW, DECLINE } = Outcome;
const ROWS: readonly [id: string, outcome: Outcome, rung: Rung, score: number | undefined, fraud: boolean][] = [
  ["a", APPROVE, Rung.MODEL, 0.04, false],
  ["b", APPROVE, Rung.MODEL, 0.05, true],
  ["c", DECLINE, Rung.MODEL, 0.95, true],
  ["d", REVIEW, Rung.RULES_ONLY, undefined, false],
];

let lake: string;
let scan: LakeScan;

beforeAll(async () => {
  lake = mkdtempSync(join(tmpdir(), "tripline-lake-queries-"));
  const archive = new TestArchive(lake, { cluster: "c", topicPrefix: "" });
  const payments = ROWS.map(([id]) => {
    const ids = { transactionId: `txn_${id}`, clientTransactionId: id, tenant: "demo", cardToken: "ct_1" };
    return {
      ...Transaction.decode(NOTHING),
      ...ids,
      ...{ terminalId: `t-${id}`, amountMinor: 1_999, currency: "EUR", occurredAtMs: AT_MS },
    };
  });
  const records = (values: readonly Uint8Array[]) => values.map((value, offset) => ({ partition: 0, offset, value }));
  await archive.append("transactions", records(payments.map((one) => Transaction.encode(one).finish())));
  const decisions = ROWS.map(([id, outcome, rung, score], index): Decision => {
    const [ids, reasons] = [payments[index], [{ code: `R_${id}`, text: "", outcome }]];
    const times = { occurredAtMs: AT_MS, acceptedAtMs: AT_MS, decidedAtMs: AT_MS + 10 * (index + 1) };
    const shadowHits = id === "a" ? [{ ruleId: "night", code: "NIGHT", outcome: REVIEW }] : [];
    const made = { ...Decision.decode(NOTHING), ...ids, ...times, outcome, rung, reasons, shadowHits };
    return {
      ...made,
      degradedBecause: rung === Rung.MODEL ? "" : "no answer",
      ...(score === undefined ? {} : { score }),
    };
  });
  // The second one was written again after a crash.
  const written = [...decisions, ...decisions.slice(1, 2)];
  await archive.append("decisions", records(written.map((one) => Decision.encode(one).finish())));
  const labels = ROWS.map(([id, , , , fraud], index): Label => {
    const { tenant, clientTransactionId, terminalId } = payments[index] ?? Transaction.decode(NOTHING);
    const known = { labelId: `lbl_${id}`, tenant, clientTransactionId, terminalId };
    return { ...Label.decode(NOTHING), ...known, labelledAtMs: AT_MS + 86_400_000, fraud };
  });
  await archive.append("labels", records(labels.map((one) => Label.encode(one).finish())));
  const vectors = payments.map((transaction, index): FeatureVector => {
    return { ...FeatureVector.decode(NOTHING), transaction, specVersion: 6, values: [index / 2, 1] };
  });
  await archive.append("features", records(vectors.map((one) => FeatureVector.encode(one).finish())));
  const update = { ...PaymentUpdate.decode(NOTHING), kind: PaymentUpdateKind.DECLINED, updatedAtMs: AT_MS };
  const updates: readonly PaymentUpdate[] = [
    { ...update, updateId: "upd_1", transactionId: "txn_a", declinedBy: DeclinedBy.ISSUER },
    { ...update, updateId: "upd_1", transactionId: "txn_a", declinedBy: DeclinedBy.ISSUER },
    { ...update, updateId: "upd_2", transactionId: "txn_c", declinedBy: DeclinedBy.ISSUER },
    { ...update, updateId: "upd_3", transactionId: "txn_z", declinedBy: DeclinedBy.ISSUER },
    { ...update, updateId: "upd_4", transactionId: "txn_c", declinedBy: DeclinedBy.TRIPLINE },
  ];
  await archive.append("payment-updates", records(updates.map((one) => PaymentUpdate.encode(one).finish())));
  scan = await LakeScan.open();
  for (const view of setUp.replaceAll(LAKE_OF_PAGE, lake).split(";\n")) await scan.row(view);
});

afterAll(async () => {
  await scan?.close();
  rmSync(lake, { recursive: true, force: true });
});

async function rowsOf(sql: string): Promise<unknown[]> {
  const rows: unknown[] = [];
  for await (const chunk of scan.rows(sql)) rows.push(...chunk.map((row) => Object.values(row).map(plain)));
  return rows;
}

function plain(value: unknown): unknown {
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(plain);
  return typeof value === "bigint" ? Number(value) : value;
}

/** The rows of each query. */
const EXPECTED: readonly unknown[][] = [
  [
    ["approve", 2, 50],
    ["decline", 1, 25],
    ["review", 1, 25],
  ],
  [["2026-11-28T12:00:00.000Z", 4, 25]],
  [
    ["R_c", "decline", 1],
    ["R_d", "review", 1],
  ],
  [["rules_only", "no answer", 1]],
  [[[20, 40, 40]]],
  [[2, 1, 1]],
  [["EUR", 1, 19.99]],
  [
    [0, 2, 0.045, 0.5],
    [0.9, 1, 0.95, 1],
  ],
  [["night", "review", 1]],
  [
    ["t-b", 1, 0.5],
    ["t-c", 1, 1],
  ],
  [
    ["declined", "issuer", 3, 1],
    ["declined", "tripline", 1, 0],
  ],
];

test("regression #24: every query on the page returns rows, with outcomes spelled as in the API", async () => {
  expect(queries).toHaveLength(EXPECTED.length);
  const answers: unknown[] = [];
  for (const query of queries) answers.push(await rowsOf(query.replaceAll(LAKE_OF_PAGE, lake)));
  expect(answers).toEqual(EXPECTED);
});
