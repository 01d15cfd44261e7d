import { createHash } from "node:crypto";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Decision, Rung } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TOPICS } from "@tripline/contracts/topics";
import type { TrainedModel } from "@tripline/model-loop/training/train-demo-model";
import type { ApiDecision } from "@tripline/system/client/tripline-client";
import { readTopic } from "@tripline/system/ledger/ledger";
import { buildPayment } from "../support/build-payment.js";
import type { InProcessSystem } from "../support/in-process-system.js";
import { startInProcess } from "../support/in-process-system.js";
import { readFeatures } from "../support/read-topics.js";
import { testModel } from "../support/test-model.js";

const WAIT_S = 30;
/** A changed file is read within a second or so, in which hundreds of payments may be decided. */
const WANTED_MS_MAX = 30_000;

interface CardFile {
  readonly intercept: number;
  readonly features: readonly { name: string; edges: number[]; weights: number[] }[];
}

/** What the head of training's scorecard.py says, word for word. */
function plainProbability(card: CardFile, features: ReadonlyMap<string, number>): number {
  const margin = card.features.reduce((sum, { name, edges, weights }) => {
    const value = Math.fround(features.get(name) ?? Number.NaN);
    return sum + (weights[edges.filter((edge) => Math.fround(edge) <= value).length] ?? Number.NaN);
  }, card.intercept);
  return 1 / (1 + Math.exp(-margin));
}

describe("while no model answers", () => {
  let model: TrainedModel;
  let folder: string;
  let file: string;
  let system: InProcessSystem;

  beforeAll(async () => {
    model = await testModel();
    folder = await mkdtemp(join(tmpdir(), "tripline-scorecard-"));
    file = join(folder, "scorecard.json");
    await cp(model.scorecardFile, file);
    // A stopped model never answers.
    system = await startInProcess({ registryUrl: model.registryUrl, scorecardFile: file, scoringWaitMs: 1_000 });
  }, 240_000);
  afterAll(async () => {
    await system?.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** Decides payments until one is as wanted: it does not matter which payment a change reaches first. */
  async function decideUntil(isWanted: (decision: ApiDecision) => boolean): Promise<Decision> {
    for (const deadlineMs = Date.now() + WANTED_MS_MAX; Date.now() < deadlineMs; ) {
      const payment = buildPayment();
      const { decision } = await system.client.send(payment, WAIT_S);
      if (decision === undefined || !isWanted(decision)) continue;
      const found = await findDecision(payment.clientTransactionId);
      expect(found).toMatchObject({ transactionId: decision.id, score: decision.score ?? undefined });
      return found;
    }
    throw new Error(`no decision was as wanted within ${WANTED_MS_MAX / 1_000} s`);
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

  const codesOf = (decision: Decision) => decision.reasons.map((reason) => reason.code);
  const versionOf = (text: string) => `scorecard@${createHash("sha256").update(text).digest("hex").slice(0, 12)}`;

  test("the scorecard's score decides and the decision says so, until the model is back", async () => {
    const before = await decideUntil(({ rung }) => rung === "model");
    expect(before).toMatchObject({ degradedBecause: "", modelName: "fraud", modelVersion: model.version });
    await system.stop("scoring");
    const decision = await decideUntil(({ rung }) => rung !== "model");
    const text = await readFile(file, "utf8");
    const card: CardFile = JSON.parse(text);
    const features = await readFeatures(system.kafka, decision.clientTransactionId);
    expect(decision).toMatchObject({
      rung: Rung.SCORECARD,
      modelName: "scorecard",
      modelVersion: versionOf(text),
      degradedBecause: expect.stringMatching(/^scoring /),
    });
    expect(decision.score).toBeCloseTo(plainProbability(card, features), 12);
    expect(codesOf(decision)).toContain("SCORED_BY_SCORECARD");

    // So large that no weight, not even one of the hour of the day, keeps the score from being 1.
    const changed = JSON.stringify({ ...card, intercept: 400 });
    await writeFile(file, changed);
    const certain = await decideUntil(({ score }) => score === 1);
    expect(certain).toMatchObject({ rung: Rung.SCORECARD, modelVersion: versionOf(changed) });
    expect(codesOf(certain)[0]).toBe("SCORE_VERY_HIGH");

    await system.start("scoring");
    const back = await decideUntil(({ rung }) => rung === "model");
    expect(back).toMatchObject({ degradedBecause: "", modelVersion: model.version });
    expect(codesOf(back)).not.toContain("SCORED_BY_SCORECARD");
  }, 240_000);
});
