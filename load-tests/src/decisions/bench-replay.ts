import { mkdtemp, readFile, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { Decision, FeatureVector } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TOPICS } from "@tripline/contracts/topics";
import { decide } from "@tripline/decision-engine/decide-payment";
import { wantsContributions, withContributions } from "@tripline/decision-engine/explain-decision";
import { parsePolicy } from "@tripline/decision-engine/parse-policy";
import type { Policy } from "@tripline/decision-engine/policy";
import { TestArchive } from "@tripline/lake/testing/archive";
import { replayDecisions } from "@tripline/model-loop/replay-decisions/replay-decisions";
import { ReplayModel } from "@tripline/model-loop/replay-decisions/replay-model";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { MODEL_NAME } from "@tripline/system/services/plan-services";
import type { World } from "../e2e/world/prepare-world.js";
import { prepareWorld } from "../e2e/world/prepare-world.js";
import type { BenchContext } from "../harness/bench-context.js";
import { BenchError } from "../harness/bench-error.js";
import { ownCpu } from "../harness/cpu-meter.js";
import type { BenchPart, PartOutcome } from "../harness/run-benchmark.js";
import { samplesOf } from "../harness/run-contestants.js";
import type { VectorPayment } from "./read-vectors.js";
import { readVectors } from "./read-vectors.js";

const ROUNDS = 3;
const VECTORS = 2_000;
const COPIES = 10;
const SHORT_VECTORS = 100;
const NOON_MS = Date.UTC(2026, 0, 1, 12);
const DAY_MS = 86_400_000;

/** `tripline replay` on a generated lake: reads, scores, decides, explains and compares byte for byte. */
export const replayPart: BenchPart = {
  name: "replay",
  title: `replay of ${VECTORS * COPIES} decisions with the model and the policy that made them, by tripline replay`,
  run: runReplay,
};

async function runReplay(context: BenchContext): Promise<PartOutcome> {
  const isShort = context.flags.short === true;
  const world = await prepareWorld(context, isShort);
  const vectors = await readVectors(world, isShort ? SHORT_VECTORS : VECTORS);
  const payments = Array.from({ length: isShort ? 1 : COPIES }, (_, copy) =>
    vectors.map(({ transaction, values }) => {
      return { values, transaction: { ...transaction, transactionId: `${transaction.transactionId}-${copy}` } };
    }),
  ).flat();
  const lake = await mkdtemp(join(tmpdir(), "tripline-bench-lake-"));
  context.defer(() => rm(lake, { recursive: true, force: true }));
  const policyText = await readFile(join(context.root, "apps", "decisions", "policy.yaml"), "utf8");
  await archive(lake, payments, await decideAll(world, parsePolicy(policyText, currentFeatureSpec()), payments));
  const measured = await context.measure(
    [
      {
        name: "tripline",
        meters: [ownCpu()],
        async run() {
          const report = await replayDecisions({
            lake,
            registryUrl: world.registryUrl,
            scorecardFiles: [],
            threads: availableParallelism(),
            fromMs: NOON_MS - DAY_MS,
            toMs: NOON_MS + DAY_MS,
          });
          if (report.identical !== payments.length) {
            throw new BenchError(`Only ${report.identical} of ${payments.length} decisions are identical.`);
          }
          return { operations: report.rows };
        },
      },
    ],
    { roundsDefault: isShort ? 1 : ROUNDS },
  );
  return {
    contestants: measured,
    summary: { replay_per_s: samplesOf(measured, "tripline", "ops_per_s") },
    notes: ["replay_per_s: decisions per second of wall-clock time, including loading the model; all are identical."],
  };
}

/** Decisions as the decisions service makes them. */
async function decideAll({ registryUrl }: World, policy: Policy, payments: readonly VectorPayment[]) {
  const model = await ReplayModel.open(await openRegistry(registryUrl).resolve(MODEL_NAME, "champion"));
  const rows = payments.map(({ values }) => values);
  const scores = await model.score(rows);
  const contributions = model.explain(rows);
  return payments.map(({ transaction, values }, index) => {
    const decision = decide(policy, {
      transaction,
      features: { specVersion: policy.specVersion, values, incomplete: false },
      score: { value: scores[index] ?? Number.NaN, modelName: model.name, modelVersion: model.version },
      listHits: [],
      decidedAtMs: NOON_MS + index,
    });
    const found = contributions?.[index];
    return wantsContributions(decision) && found !== undefined
      ? withContributions(policy, decision, { currency: transaction.currency, values, transaction }, found)
      : decision;
  });
}

async function archive(lake: string, payments: readonly VectorPayment[], decisions: readonly Decision[]) {
  const writer = new TestArchive(lake, { cluster: "bench", topicPrefix: "" });
  const records = (values: readonly Uint8Array[]) => values.map((value, offset) => ({ partition: 0, offset, value }));
  const specVersion = currentFeatureSpec().version;
  const vectors = payments.map(({ transaction, values }) =>
    FeatureVector.encode({
      transaction,
      specVersion,
      values: [...values],
      sequences: [1, 1, 1, 1],
      tooLate: false,
      incomplete: false,
      profileTimesMs: [],
      computedAtMs: transaction.occurredAtMs,
    }).finish(),
  );
  await writer.append(TOPICS.features.name, records(vectors));
  await writer.append(TOPICS.decisions.name, records(decisions.map((one) => Decision.encode(one).finish())));
}
