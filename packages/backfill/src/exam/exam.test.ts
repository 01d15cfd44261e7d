import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { LakeScan } from "@tripline/lake/read/scan-lake";
import { createSimulation } from "@tripline/simulator/create-simulation";
import { DAY_MS } from "@tripline/simulator/payment-times";
import { backfill } from "../backfill.js";
import { fileSource } from "../input/transactions-source.js";
import { writeHistory } from "../input/write-history.js";
import { documentedSpec } from "./documented-features.js";
import { examEvents, examWorld } from "./exam-world.js";
import { writeVectors } from "./write-vectors.js";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));
const startMs = Date.UTC(2026, 0, 5);
const cardTokenKey = Buffer.alloc(32);

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tripline-exam-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test("vectors equal those of backfill, and the added features leave the shipped ones unchanged", async () => {
  const simulation = { seed: 11, cards: 40, terminals: 30, startMs, hasDetails: true };
  const untilMs = startMs + 20 * DAY_MS;
  const [input, outputPath] = [join(folder, "input.parquet"), join(folder, "backfill.parquet")];
  await writeHistory({ simulation, untilMs, tenant: "demo", cardTokenKey, path: input });
  await backfill({ spec: currentFeatureSpec(), source: fileSource(input), tenant: "demo", outputPath });
  const payments = function* () {
    for (const payment of createSimulation(simulation)) {
      if (payment.occurredAtMs >= untilMs) return;
      yield payment;
    }
  };
  const events = examEvents({ payments, examToMs: untilMs }, (payment) => {
    const isDeclined = payment.amountMinor % 3 === 0;
    return { isDeclined, code: isDeclined ? "05" : "00", atMs: payment.occurredAtMs + 900 };
  });
  const path = join(folder, "exam.parquet");
  const spec = await documentedSpec(ROOT);
  const [states] = await writeVectors({ events, files: [{ spec, path }], fromMs: 0, tenant: "demo", cardTokenKey });
  expect(states?.size).toBeGreaterThan(100);
  const shipped = currentFeatureSpec().features.flatMap(({ kind, name }) => (kind === "profile" ? [] : [name]));
  const values = shipped.map((name) => `${name}::FLOAT`).join(", ");
  const scan = await LakeScan.open();
  const columns = `client_transaction_id, card_token, occurred_at_ms, labelled_at_ms, fraud, ${values}`;
  const select = (file: string) => `SELECT ${columns} FROM read_parquet('${file}')`;
  const differing = `SELECT count(*)::INTEGER AS rows FROM (${select(path)} EXCEPT ${select(outputPath)})`;
  expect(await scan.row(differing)).toEqual({ rows: 0 });
  const declined = "SELECT max(card_declines_1h) > 0 AS counts FROM read_parquet";
  expect(await scan.row(`${declined}('${path}')`)).toEqual({ counts: true });
  await scan.close();
});

test("the exam adds the documented features with filters, payment updates and neighbours", async () => {
  const shipped = currentFeatureSpec().features.length;
  expect((await documentedSpec(ROOT)).features.slice(shipped).map(({ name }) => name)).toEqual([
    "card_count_abroad_1d",
    "card_declines_1h",
    "device_fraud_cards_7d",
    "merchant_bin_declines_1h",
    "merchant_bin_declined_share_1d",
    "email_failed_cvc_1d",
    "email_failed_3ds_1d",
  ]);
});

test("learned attacks end before the exam, and each examined attack makes at least 300 payments in it", () => {
  const world = examWorld({
    ...{ seed: 11, cards: 300, startMs },
    ...{ learned: ["card-testing"], examined: ["card-testing", "account-takeover"] },
  });
  const attacks = [...world.payments()].filter(({ attackStep }) => attackStep !== undefined);
  const examined = attacks.filter(({ clientTransactionId }) => world.attackOf.has(clientTransactionId));
  const learned = attacks.filter(({ clientTransactionId }) => !world.attackOf.has(clientTransactionId));
  expect(Math.max(...learned.map(({ occurredAtMs }) => occurredAtMs))).toBeLessThan(world.trainToMs);
  expect(learned.length).toBeGreaterThanOrEqual(900);
  for (const name of ["card-testing", "account-takeover"]) {
    const own = examined.filter(({ scenario }) => scenario === name);
    expect(own.length).toBeGreaterThanOrEqual(300);
    expect(Math.min(...own.map(({ occurredAtMs }) => occurredAtMs))).toBeGreaterThanOrEqual(world.examFromMs);
  }
});
