import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { backfill } from "@tripline/backfill/backfill";
import { fileSource } from "@tripline/backfill/input/transactions-source";
import { parseFeatureSpec } from "@tripline/contracts/feature-spec";
import type { Decision } from "@tripline/contracts/generated/tripline/events/v1/events";
import { Decision as DecisionMessage, Outcome, Rung } from "@tripline/contracts/generated/tripline/events/v1/events";
import { withContributions } from "@tripline/decision-engine/explain-decision";
import { parsePolicy } from "@tripline/decision-engine/parse-policy";
import { compileEngine } from "@tripline/feature-engine/apply/compile-engine";
import { LakeScan } from "@tripline/lake/read/scan-lake";
import { runPython } from "@tripline/model-loop/run-python";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { scoringConfig } from "@tripline/scoring/config";
import type { RunningScoring } from "@tripline/scoring/start-scoring";
import { startScoring } from "@tripline/scoring/start-scoring";
import { readConfig } from "@tripline/settings/read-config";
import { stringify } from "yaml";

const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2026, 0, 1);
const PAYMENTS = 6_000;
const RISKY = "7995";
const UNKNOWN = "4829";

const SPEC = {
  version: 1,
  windows: { "1d": { width: "1d", tile: "1h" } },
  entities: { card: { key: "card_token" }, terminal: { key: "terminal_id", optional: true } },
  features: [
    { name: "amount", kind: "amount", sentence: "The amount is {value}." },
    { name: "merchant_category", kind: "category", field: "mcc", sentence: "The merchant category is {value}." },
    { name: "order_channel", kind: "category", field: "channel", sentence: "It was ordered by {value}." },
    { name: "card_count_1d", kind: "count", entity: "card", window: "1d", sentence: "It is payment {value} today." },
  ].map((feature) => ({ ...feature, default: 0 })),
};
const spec = parseFeatureSpec(JSON.stringify(SPEC));

interface Payment {
  readonly id: string;
  readonly card: string;
  readonly amountMinor: number;
  readonly atMs: number;
  readonly mcc: string;
  readonly channel: string;
  readonly fraud: boolean;
}

/** Seeded numbers from 0 to 1: https://en.wikipedia.org/wiki/Linear_congruential_generator, constants of minstd_rand. */
let seed = 1;
const random = (): number => {
  seed = (seed * 48_271) % 2_147_483_647;
  return seed / 2_147_483_647;
};

/** Half of the payments at merchants of one category are fraud, and hardly any of the others. */
const payments = Array.from({ length: PAYMENTS }, (_, index): Payment => {
  const mcc = ["", "5411", "5812", "5732", RISKY][Math.floor(random() * 5)] ?? "";
  return {
    id: `p-${index}`,
    card: `ct_${Math.floor(random() * 300)}`,
    amountMinor: 100 + Math.floor(random() * 20_000),
    atMs: START_MS + Math.floor((index * 40 * DAY_MS) / PAYMENTS),
    mcc: index % 900 === 899 ? UNKNOWN : mcc,
    channel: ["", "ecommerce", "point_of_sale"][Math.floor(random() * 3)] ?? "",
    fraud: random() < (mcc === RISKY ? 0.5 : 0.01),
  };
});

let folder: string;
let scoring: RunningScoring;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tripline-category-"));
});

afterAll(async () => {
  await scoring?.close();
  await rm(folder, { recursive: true, force: true });
});

/** The vectors that features would publish, in payment order. */
function onlineVectors(): number[][] {
  const engine = compileEngine(spec);
  const states = new Map<string, ReturnType<typeof engine.decodeState>>();
  const terminal = engine.decodeState(1, null);
  return payments.map(({ id, card, amountMinor, atMs, mcc, channel }) => {
    const state = states.get(card) ?? engine.decodeState(0, null);
    states.set(card, state);
    const fields = {
      transactionId: id,
      cardToken: card,
      terminalId: "t-1",
      amountMinor,
      currency: "EUR",
      mcc,
      channel,
    };
    const place = { latitude: undefined, longitude: undefined };
    const result = engine.applyPayment([state, terminal], { ...fields, ...place, occurredAtMs: atMs }, []);
    if (result.duplicate) throw new Error(id);
    return result.values;
  });
}

async function infer(output: string, rows: readonly (readonly number[])[]): Promise<number[]> {
  const width = spec.features.length;
  const inputs = [{ name: "features", datatype: "FP32", shape: [rows.length, width], data: rows.flat() }];
  const body = JSON.stringify({ inputs, outputs: [{ name: output }] });
  const answer = await fetch(`${scoring.url}/v2/models/fraud/infer`, { method: "POST", body });
  const { outputs } = (await answer.json()) as { outputs?: { data: number[] }[] };
  return outputs?.[0]?.data ?? [];
}

test("a category is learned, served, explained and described like any other feature", async () => {
  const input = join(folder, "payments.csv");
  const head = "client_transaction_id,card_token,terminal_id,amount_minor,currency,occurred_at_ms,fraud,labelled_at_ms";
  const lines = payments.map(({ id, card, amountMinor, atMs, mcc, channel, fraud }) =>
    [id, card, "t-1", amountMinor, "EUR", atMs, fraud ? 1 : 0, atMs + 3 * DAY_MS, mcc, channel].join(","),
  );
  await writeFile(input, [`${head},mcc,channel`, ...lines, ""].join("\n"));
  const features = join(folder, "features.parquet");
  await backfill({ spec, source: fileSource(input), tenant: "demo", outputPath: features });

  // Online and offline vectors are equal.
  const online = onlineVectors();
  const scan = await LakeScan.open();
  const order = "ORDER BY occurred_at_ms, client_transaction_id";
  const columns = spec.features.map(({ name }) => `list("${name}" ${order})::VARCHAR AS "${name}"`);
  const offline = await scan.row(`SELECT ${columns.join(", ")} FROM read_parquet('${features}')`);
  await scan.close();
  for (const [place, { name }] of spec.features.entries()) {
    expect([name, JSON.parse(String(offline[name]))]).toEqual([name, online.map((values) => values[place])]);
  }

  const specFile = join(folder, "feature-spec.yaml");
  await writeFile(specFile, stringify(SPEC));
  const registryUrl = pathToFileURL(join(folder, "registry")).href;
  await runPython("tripline_training.train", [
    ...["--features", features, "--feature-spec", specFile, "--registry", registryUrl, "--name", "fraud"],
    ...["--alias", "champion", "--train-from", "2026-01-01", "--train-to", "2026-01-28"],
    ...["--valid-from", "2026-02-01", "--valid-to", "2026-02-06"],
  ]);
  const { manifest, golden } = await openRegistry(registryUrl).resolve("fraud", "champion");
  expect(manifest.categories?.merchant_category?.codes).toHaveLength(4);
  expect(manifest.used_features).toContain("merchant_category");

  // Scoring runs the model with its own tree implementation, which must give the same scores as onnxruntime and the
  // trainer.
  const environment = {
    PORT: "0",
    GRPC_PORT: "0",
    LOG_LEVEL: "silent",
    REGISTRY_URL: registryUrl,
    EXECUTION_PROVIDERS: "trees",
  };
  scoring = await startScoring(readConfig(scoringConfig, environment));
  const served = await infer("probability", golden.inputs);
  expect(served).toHaveLength(golden.outputs.length);
  for (const [row, score] of served.entries()) expect(score).toBeCloseTo(golden.outputs[row] ?? Number.NaN, 5);

  const rowOf = (mcc: string) => online[payments.findIndex((payment) => payment.mcc === mcc)] ?? [];
  const [risky = 0, usual = 1, unknown = 1, missing = 1] = await infer(
    "probability",
    [RISKY, "5411", UNKNOWN, ""].map((mcc) => [50, rowOf(mcc)[1] ?? 0, 0, 1]),
  );
  expect(risky).toBeGreaterThan(10 * Math.max(usual, unknown, missing));

  // The contribution belongs to the feature, and the reason names its value.
  const values = [50, rowOf(RISKY)[1] ?? 0, 0, 1];
  const contributions = await infer("contributions", [values]);
  expect(Math.max(...contributions)).toBe(contributions[1]);
  const policy = parsePolicy(POLICY, spec);
  const decision: Decision = {
    ...DecisionMessage.decode(new Uint8Array()),
    ...{ outcome: Outcome.DECLINE, rung: Rung.MODEL },
  };
  const payment = { currency: "EUR", values, transaction: { mcc: RISKY } };
  expect(withContributions(policy, decision, payment, contributions).reasons[0]).toMatchObject({
    code: "SCORE_RAISED_BY_MERCHANT_CATEGORY",
    text: "The merchant category is 7995.",
  });
}, 300_000);

const POLICY = `
version: 1
bands:
  - { at_least: 0.5, action: decline, reason: SCORE_HIGH, text: "The score is {score}." }
default_decision:
  default: { action: review, reason: STATIC, text: "By hand." }
`;
