import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { UNSENT } from "@tripline/contracts/generated/payment-fields";
import type { ModelTrial } from "@tripline/contracts/generated/tripline/events/v1/events";
import {
  Decision,
  FeatureVector,
  Label,
  Outcome,
  TrialRole,
} from "@tripline/contracts/generated/tripline/events/v1/events";
import { decide } from "@tripline/decision-engine/decide-payment";
import { parsePolicy } from "@tripline/decision-engine/parse-policy";
import { TestArchive } from "@tripline/lake/testing/archive";
import { compareTrial } from "@tripline/model-loop/compare-models/compare-trial";
import { modelsCommand } from "./models.js";

const spec = currentFeatureSpec();
const NOON_MS = Date.UTC(2026, 1, 10, 12);
const FROM_MS = Date.UTC(2026, 1, 10);
const DAY_MS = 86_400_000;
const CANDIDATE = "0000000000ca";
const CHAMPION = "0000000000c0";
/** One card has two payments. */
const CARDS = 40;

const POLICY = `
version: "1"
rules: []
bands:
  - { at_least: 0.5, action: decline, reason: HIGH, text: "High." }
  - { at_least: 0.2, action: review, reason: RAISED, text: "Raised." }
default_decision:
  default: { action: review, reason: NOT_ASSESSED, text: "Not assessed." }
`;
const policy = parsePolicy(POLICY, spec, "policy.yaml");

/** The champion's and the candidate's score of a payment, by its number. */
const scoresOf = (index: number): [number, number] => {
  if (index % 10 === 0) return [0.1, 0.6];
  return index % 10 === 1 ? [0.6, 0.3] : [0.1, 0.15];
};

function recordsOf(index: number) {
  const [championScore, candidateScore] = scoresOf(index);
  const isCanary = index % 2 === 1;
  const transaction = {
    transactionId: `txn_${index}`,
    tenant: "demo",
    clientTransactionId: `c${index}`,
    ...UNSENT,
    terminalId: "t-1",
    cardToken: `ct_${index % CARDS}`,
    amountMinor: 1_000 + index,
    currency: "EUR",
    occurredAtMs: NOON_MS - 60_000,
    acceptedAtMs: NOON_MS,
  };
  const values = spec.features.map(() => 0);
  const features = { specVersion: spec.version, values, incomplete: false };
  const score = isCanary
    ? { value: candidateScore, modelName: "fraud", modelVersion: CANDIDATE }
    : { value: championScore, modelName: "fraud", modelVersion: CHAMPION };
  const trial: ModelTrial = {
    trialRole: isCanary ? TrialRole.CANARY : TrialRole.SHADOW,
    candidateVersion: CANDIDATE,
    candidateMissing: "",
    candidateScore,
    ...(isCanary ? { championScore } : {}),
  };
  // One payment in the rollout has no candidate score, and one payment is outside the rollout.
  const missing = { ...trial, candidateScore: undefined, candidateMissing: "late" };
  const part = index === 2 ? missing : index === 4 ? undefined : trial;
  const decision = decide(policy, {
    transaction,
    features,
    score,
    listHits: [],
    trial: part,
    decidedAtMs: NOON_MS + index,
  });
  const vector = {
    transaction,
    ...features,
    computedAtMs: NOON_MS,
    sequences: [1],
    tooLate: false,
    profileTimesMs: [],
  };
  return { transaction, decision, vector };
}

let folder: string;
let lake: string;
let policyFile: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tripline-compare-"));
  lake = join(folder, "lake");
  policyFile = join(folder, "policy.yaml");
  await writeFile(policyFile, POLICY);
  const all = Array.from({ length: CARDS + 1 }, (_, index) => recordsOf(index));
  const archive = new TestArchive(lake, { cluster: "test", topicPrefix: "" });
  const records = (bytes: readonly Uint8Array[]) => bytes.map((value, offset) => ({ partition: 0, offset, value }));
  await archive.append("features", records(all.map(({ vector }) => FeatureVector.encode(vector).finish())));
  await archive.append("decisions", records(all.map(({ decision }) => Decision.encode(decision).finish())));
  const labels = all.slice(0, 2).map(({ transaction }, index) =>
    Label.encode({
      labelId: `l${index}`,
      tenant: "demo",
      clientTransactionId: transaction.clientTransactionId,
      cardToken: transaction.cardToken,
      terminalId: "t-1",
      occurredAtMs: transaction.occurredAtMs,
      labelledAtMs: NOON_MS,
      fraud: index === 0,
      source: "chargeback",
      reportId: "",
      policyVersion: "",
    }).finish(),
  );
  await archive.append("labels", records(labels));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("compares both models' scores for shadow and canary payments by outcome, card, amount and label", async () => {
  const report = await compareTrial({ lake, policyFile, fromMs: FROM_MS, toMs: FROM_MS + DAY_MS });
  expect(report).toMatchObject({
    candidate: CANDIDATE,
    payments: CARDS - 1,
    cards: CARDS - 2,
    unscored: 1,
    skipped: 0,
  });
  expect(report.outcomes).toEqual(
    new Map([
      [
        Outcome.APPROVE,
        new Map([
          [Outcome.DECLINE, 5],
          [Outcome.APPROVE, 30],
        ]),
      ],
      [Outcome.DECLINE, new Map([[Outcome.REVIEW, 4]])],
    ]),
  );
  // 0, 10, 20, 30 and 40; 0 and 40 belong to one card.
  expect(report.stricter).toMatchObject({ payments: 5, cards: 4, frauds: 1, genuine: 0 });
  expect(report.stricter.money.get("EUR")).toEqual({ value: 5_100 });
  expect(report.milder).toMatchObject({ payments: 4, cards: 4, frauds: 0, genuine: 1 });
  const { low, value, high } = report.stricter.share ?? { low: 0, value: 0, high: 0 };
  expect(value).toBeCloseTo(5 / 39);
  expect(low).toBeLessThan(value);
  expect(high).toBeGreaterThan(value);
  expect(report.examples).toHaveLength(9);
  expect(report.examples[0]).toMatchObject({ championScore: 0.1, candidateScore: 0.6, candidate: Outcome.DECLINE });
});

test("prints text and JSON", async () => {
  const run = async (...more: string[]): Promise<string> => {
    let text = "";
    const range = ["--lake", lake, "--from", "2026-02-10", "--to", "2026-02-10", "--policy", policyFile];
    const command = modelsCommand({ write: (one) => (text += one) });
    await command.parseAsync(["compare", ...range, ...more], { from: "user" });
    return text;
  };
  expect(await run()).toMatch(
    /\napprove -> decline +5\n.*\nstricter +5 .* 51\.00 EUR\n.*payments=39 stricter=5 milder=4\n$/s,
  );
  expect(JSON.parse(await run("--json"))).toMatchObject({
    stricter: { payments: 5, money: { EUR: { value: 5_100 } } },
  });
  await expect(run("--candidate", "000000000000")).rejects.toThrow(`the only candidate was ${CANDIDATE}`);
});
