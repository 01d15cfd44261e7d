import { createHash } from "node:crypto";
import { cp, mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { STATES_LOST } from "@tripline/contracts/degraded-reasons";
import { Decision, Outcome, Rung } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TOPICS } from "@tripline/contracts/topics";
import type { TrainedModel } from "@tripline/model-loop/demo-model/train-demo-model";
import type { RecordingRegistry } from "@tripline/model-registry/model-registry";
import { openRegistry } from "@tripline/model-registry/open-registry";
import type { ApiDecision } from "@tripline/system/client/tripline-client";
import { readTopic } from "@tripline/system/ledger/ledger";
import { Redis } from "ioredis";
import { buildPayment } from "../support/build-payment.js";
import type { InProcessSystem } from "../support/in-process-system.js";
import { startInProcess } from "../support/in-process-system.js";
import { readFeatures } from "../support/read-topics.js";
import { testModel } from "../support/test-model.js";

const WAIT_S = 30;
/** Services read the alias every 5 s; until then, hundreds of payments may be decided. */
const WANTED_MS_MAX = 120_000;

interface CardFile {
  readonly intercept: number;
  readonly features: readonly { name: string; edges: number[]; weights: number[] }[];
}

/** The formula at the top of training's scorecard.py, implemented literally. */
function plainProbability(card: CardFile, features: ReadonlyMap<string, number>): number {
  const margin = card.features.reduce((sum, { name, edges, weights }) => {
    const value = Math.fround(features.get(name) ?? Number.NaN);
    return sum + (weights[edges.filter((edge) => Math.fround(edge) <= value).length] ?? Number.NaN);
  }, card.intercept);
  return 1 / (1 + Math.exp(-margin));
}

/** Tests each level of the fallback chain by breaking what the level above needs, in the whole system. */
describe("the fallback chain", () => {
  let model: TrainedModel;
  let folder: string;
  let root: string;
  let registry: RecordingRegistry;
  let system: InProcessSystem;

  beforeAll(async () => {
    model = await testModel();
    folder = await mkdtemp(join(tmpdir(), "tripline-ladder-"));
    root = join(folder, "registry");
    await cp(fileURLToPath(model.registryUrl), root, { recursive: true });
    const registryUrl = pathToFileURL(root).href;
    registry = openRegistry(registryUrl);
    // A stopped model never responds.
    system = await startInProcess({ registryUrl, scoringWaitMs: 1_000 });
  }, 240_000);
  afterAll(async () => {
    await system?.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** Decides payments until a decision meets the condition. Any payment may be the first that a change affects. */
  async function decideUntil(isWanted: (decision: ApiDecision) => boolean): Promise<Decision> {
    let last: ApiDecision | undefined;
    for (const deadlineMs = Date.now() + WANTED_MS_MAX; Date.now() < deadlineMs; ) {
      const payment = buildPayment();
      const { decision } = await system.client.send(payment, WAIT_S);
      last = decision;
      if (decision === undefined || !isWanted(decision)) continue;
      const found = await findDecision(payment.clientTransactionId);
      expect(found.transactionId).toBe(decision.id);
      expect(Math.abs((found.score ?? 0) - (decision.score ?? 0))).toBeLessThanOrEqual(0.025 + Number.EPSILON);
      return found;
    }
    throw new Error(`no decision was as wanted within ${WANTED_MS_MAX / 1_000} s; the last: ${JSON.stringify(last)}`);
  }

  async function findDecision(clientTransactionId: string): Promise<Decision> {
    let found: Decision | undefined;
    await readTopic(system.kafka, TOPICS.decisions.name, (record) => {
      const decision = Decision.decode(record.value);
      if (decision.clientTransactionId === clientTransactionId) found = decision;
    });
    if (found === undefined) throw new Error(`no decision of ${clientTransactionId} is on the topic`);
    return found;
  }

  /**
   * Publishes the same model as another version: ONNX allows metadata entries, here empty ones, at the end of the file.
   */
  async function promoteAgain(times: number, scorecard: string | undefined): Promise<void> {
    const { modelBytes, golden, manifest } = await registry.resolve("fraud", model.version);
    const entries = Buffer.from(Array.from({ length: times }, () => [0x72, 0]).flat());
    const { name, version: _, files: __, ...facts } = manifest;
    const { version } = await registry.publish({
      name,
      golden,
      modelBytes: Buffer.concat([modelBytes, entries]),
      manifest: facts,
      ...(scorecard === undefined ? {} : { scorecard: Buffer.from(scorecard) }),
    });
    await registry.setAlias("fraud", "champion", version);
  }

  const scorecardText = async (): Promise<string> =>
    Buffer.from((await registry.scorecard("fraud", model.version)) ?? []).toString("utf8");
  const codesOf = (decision: Decision) => decision.reasons.map((reason) => reason.code);
  const versionOf = (text: string) => `scorecard@${createHash("sha256").update(text).digest("hex").slice(0, 12)}`;
  const unanswered = { degradedBecause: expect.stringMatching(/^scoring /) };

  test("the champion's scorecard decides when scoring is killed, even without the registry", async () => {
    const before = await decideUntil(({ rung }) => rung === "model");
    expect(before).toMatchObject({ degradedBecause: "", modelName: "fraud", modelVersion: model.version });
    await system.stop("scoring");
    const decision = await decideUntil(({ rung }) => rung !== "model");
    const text = await scorecardText();
    const features = await readFeatures(system.kafka, decision.clientTransactionId);
    const byScorecard = { rung: Rung.SCORECARD, modelName: "scorecard", modelVersion: versionOf(text), ...unanswered };
    expect(decision).toMatchObject(byScorecard);
    expect(decision.score).toBeCloseTo(plainProbability(JSON.parse(text), features), 12);
    expect(codesOf(decision)).toContain("SCORED_BY_SCORECARD");

    await rename(root, `${root}.away`);
    expect(await decideUntil(() => true)).toMatchObject(byScorecard);
    expect(await system.isReady("decisions")).toBe(true);
    await rename(`${root}.away`, root);
  }, 240_000);

  test("a new champion has its own scorecard", async () => {
    // So large that the score is 1, regardless of the weights of the features.
    const changed = JSON.stringify({ ...JSON.parse(await scorecardText()), intercept: 400 });
    await promoteAgain(1, changed);
    const certain = await decideUntil(({ score }) => score === 1);
    expect(certain).toMatchObject({ rung: Rung.SCORECARD, modelVersion: versionOf(changed) });
    expect(codesOf(certain)[0]).toBe("SCORE_VERY_HIGH");
  }, 240_000);

  test("only rules decide if scoring is killed and the champion has no scorecard, as in older registries", async () => {
    await promoteAgain(2, undefined);
    const decision = await decideUntil(({ rung }) => rung === "rules_only");
    expect(decision).toMatchObject({ rung: Rung.RULES_ONLY, modelName: "", modelVersion: "", ...unanswered });
    expect(codesOf(decision)).toEqual(["FIRST_PAYMENT_OF_CARD"]);
  }, 240_000);

  test("the default decision applies when Redis loses the window states", async () => {
    await system.start("scoring");
    const back = await decideUntil(({ rung }) => rung === "model");
    expect(back).toMatchObject({ degradedBecause: "" });
    expect(codesOf(back)).not.toContain("SCORED_BY_SCORECARD");
    const redis = new Redis(system.stack.redisUrl);
    await redis.flushdb();
    redis.disconnect();
    const decision = await decideUntil(({ rung }) => rung !== "model");
    expect(decision).toMatchObject({ rung: Rung.STATIC_POLICY, outcome: Outcome.REVIEW, degradedBecause: STATES_LOST });
    expect(codesOf(decision)).toEqual(["NOT_ASSESSED"]);
  }, 240_000);
});
