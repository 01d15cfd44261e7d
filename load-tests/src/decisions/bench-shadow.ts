import { cp } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Rollout, RolloutStage } from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import { TABLES } from "@tripline/contracts/topics";
import { BASIS_POINTS } from "@tripline/decision-engine/assign-card";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import type { EventProducer } from "@tripline/kafka/port";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { MODEL_NAME } from "@tripline/system/services/plan-services";
import { streamOn, waitSecondsOf, warmUp } from "../e2e/bench-load.js";
import { closedContestant } from "../e2e/closed-contestant.js";
import type { BenchSystem } from "../e2e/system/read-services.js";
import { startBenchSystem } from "../e2e/system/start-system.js";
import type { World } from "../e2e/world/prepare-world.js";
import { prepareWorld } from "../e2e/world/prepare-world.js";
import type { BenchContext } from "../harness/bench-context.js";
import { BenchError } from "../harness/bench-error.js";
import type { BenchPart, PartOutcome } from "../harness/run-benchmark.js";
import type { Contestant } from "../harness/run-contestants.js";
import { ratioOf } from "../harness/run-contestants.js";

const ROUNDS = 7;
/** Long enough for decisions to read the topic. */
const SETTLE_MS = 1_000;
/** Minimum share of a round's payments that the candidate must have scored. */
const ASKED_SHARE_MIN = 0.95;
/** The field `doc_string` of an ONNX model (onnx.proto3, ModelProto 6): changes the bytes, but not the model. */
const DOC_STRING = Buffer.from([0x32, 0x01, 0x63]);
const CANDIDATE_SCORES = /^tripline_decisions_candidate_scores_total\{[^}]*\} (\d+)/gm;

/** Cost of a decision while a second model scores every payment in shadow, relative to the cost without one. */
export const shadowPart: BenchPart = {
  name: "shadow",
  title: "a decision of the whole system, with and without a copy of the model in shadow for all cards, alternating",
  run: runShadow,
};

async function runShadow(context: BenchContext): Promise<PartOutcome> {
  const isShort = context.flags.short === true;
  const world = await prepareWorld(context, isShort);
  const { registryUrl, candidate, champion } = await withCandidate(context, world);
  const system = await startBenchSystem(context, { ...world, registryUrl });
  const stream = streamOn(system, world, waitSecondsOf(context));
  await warmUp(context, system, stream);
  const kafka = connectKafka({ brokers: await context.kafka(), clientId: "bench-shadow", topicPrefix: "" });
  const producer = await kafka.producer();
  context.defer(() => producer.close());
  let revision = 0;
  const side = (name: string, stage: RolloutStage): Contestant => {
    const closed = closedContestant({ name, ...system, stream, isShort });
    return {
      ...closed,
      async prepare() {
        revision += 1;
        await tell(producer, { stage, revision, candidate, champion });
        await delay(SETTLE_MS);
        await closed.prepare?.();
      },
      async run() {
        const before = await candidateScores(system);
        const round = await closed.run();
        const asked = ((await candidateScores(system)) - before) / round.operations;
        const isShadow = stage === RolloutStage.SHADOW;
        if (isShadow ? asked < ASKED_SHARE_MIN : asked > 0) {
          throw new BenchError(
            `The candidate had to score ${(100 * asked).toFixed(0)} % of the payments in "${name}".`,
          );
        }
        return round;
      },
    };
  };
  const contestants = [side("none", RolloutStage.ROLLED_BACK), side("shadow", RolloutStage.SHADOW)];
  const measured = await context.measure(contestants, { roundsDefault: isShort ? 1 : ROUNDS, warmUpRounds: 1 });
  const ratio = (figure: string) => ratioOf(measured, figure, "shadow", "none");
  return {
    contestants: measured,
    summary: { shadow_cpu_ratio: ratio("cpu_us_per_op") },
    notes: [
      "CPU time of all processes of the system, including Kafka and Valkey; scoring always has both models loaded.",
      "The copy has the same trees. Payments are sent in a closed loop.",
    ],
  };
}

/** A copy of the world's registry, in which the alias `candidate` names another version of the champion. */
async function withCandidate(context: BenchContext, world: World) {
  const folder = join(context.folder, "shadow-registry");
  await cp(fileURLToPath(world.registryUrl), folder, { recursive: true });
  const registryUrl = pathToFileURL(folder).href;
  const registry = openRegistry(registryUrl);
  const { manifest, modelBytes, golden } = await registry.resolve(MODEL_NAME, "champion");
  const { name: _name, version: champion, files: _files, ...kept } = manifest;
  const published = await registry.publish({
    name: MODEL_NAME,
    golden,
    modelBytes: Buffer.concat([modelBytes, DOC_STRING]),
    manifest: { ...kept, created_at: new Date().toISOString() },
  });
  await registry.setAlias(MODEL_NAME, "candidate", published.version);
  return { registryUrl, champion, candidate: published.version };
}

async function tell(
  producer: EventProducer,
  {
    stage,
    revision,
    candidate,
    champion,
  }: { stage: RolloutStage; revision: number; candidate: string; champion: string },
): Promise<void> {
  const nowMs = Date.now();
  const rollout: Rollout = {
    rolloutId: "rol_bench",
    modelName: MODEL_NAME,
    stage,
    candidateVersion: candidate,
    championVersion: champion,
    canaryBasisPoints: 0,
    shadowBasisPoints: stage === RolloutStage.SHADOW ? BASIS_POINTS : 0,
    revision,
    startedAtMs: nowMs,
    changedAtMs: nowMs,
    changedBy: "bench",
    why: "",
  };
  const { name, schema } = TABLES.rollouts;
  const value = Rollout.encode(rollout).finish();
  await producer.send([{ topic: name, key: MODEL_NAME, value, headers: { [HEADERS.schema]: schema } }]);
}

/** Number of payments that decisions sent to the candidate, regardless of the result. */
async function candidateScores({ urls }: BenchSystem): Promise<number> {
  const text = await (await fetch(`${urls.get("decisions")}/metrics`)).text();
  return [...text.matchAll(CANDIDATE_SCORES)].reduce((sum, [, count]) => sum + Number(count), 0);
}
