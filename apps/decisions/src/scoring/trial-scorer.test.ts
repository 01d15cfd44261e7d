import { status } from "@grpc/grpc-js";
import { ROOT_CONTEXT } from "@opentelemetry/api";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { Rollout, RolloutStage, TrialRole } from "@tripline/contracts/generated/tripline/events/v1/events";
import { assignCard } from "@tripline/decision-engine/assign-card";
import { CANDIDATE_LATE } from "@tripline/decision-engine/rollouts/judge-trial";
import { createLogger } from "@tripline/telemetry/logger";
import { DecisionMetrics } from "../decision-metrics.js";
import { TestScorer } from "../testing/scorer.js";
import { InferenceClient } from "./inference-client.js";
import { Scorer } from "./scorer.js";
import type { Scored, ScoreTask } from "./trial-scorer.js";
import { scoreTrial } from "./trial-scorer.js";

const SPEC = currentFeatureSpec();
const CANDIDATE = "0000000000ca";
const CHAMPION = "000000000001";
const [BY_CANDIDATE, BY_CHAMPION] = [0.75, 0.25];

const rolloutOf = (changes: Partial<Rollout>): Rollout => ({
  ...Rollout.decode(new Uint8Array()),
  rolloutId: "rol_1",
  modelName: "fraud",
  stage: RolloutStage.CANARY,
  candidateVersion: CANDIDATE,
  ...changes,
});

const task = (card: number): ScoreTask => ({
  cardToken: `ct_${String(card).padStart(32, "0")}`,
  row: SPEC.features.map(() => 1),
  trace: ROOT_CONTEXT,
});

describe("scoreTrial", () => {
  let peer: TestScorer;
  let client: InferenceClient;
  let scorer: Scorer;

  beforeEach(async () => {
    peer = new TestScorer();
    peer.probability = () => BY_CHAMPION;
    peer.others.set(CANDIDATE, { probability: () => BY_CANDIDATE });
    await peer.start();
    client = new InferenceClient(peer.address);
    const config = { MODEL_NAME: "fraud", FEAST_PROFILES: [] };
    scorer = new Scorer(client, config, new DecisionMetrics(), createLogger("test", "silent"));
    // A model version is checked only once, which no test here is about.
    await all(rolloutOf({ canaryBasisPoints: 10_000 }), [task(0)]);
    peer.requests.length = 0;
  });
  afterEach(() => {
    client.close();
    peer.stop();
  });

  /** In the order of the parts. */
  async function all(rollout: Rollout | undefined, tasks: ScoreTask[], budgetMs = 5_000): Promise<Scored[]> {
    const parts = await Promise.all(scoreTrial(scorer, rollout, tasks, budgetMs).map(({ scored }) => scored));
    return parts.flat();
  }

  test("without a rollout, only the champion scores", async () => {
    expect(await all(undefined, [task(1)])).toEqual([
      { score: { value: BY_CHAMPION, modelName: "fraud", modelVersion: CHAMPION }, trial: undefined },
    ]);
    expect(peer.requests.map(({ modelVersion }) => modelVersion)).toEqual([""]);
  });

  test("the card determines which model scores a payment, and the candidate gets only payments of its own cards", async () => {
    const rollout = rolloutOf({ canaryBasisPoints: 5_000 });
    const tasks = Array.from({ length: 50 }, (_, card) => task(card));
    const parts = scoreTrial(scorer, rollout, tasks, 5_000);
    const roles = parts.map(
      ({ tasks: own }) => new Set(own.map(({ cardToken }) => assignCard(rollout, cardToken)?.role)),
    );
    expect(roles).toEqual([new Set([TrialRole.CANARY]), new Set([TrialRole.CONTROL])]);
    const [canary = [], control = []] = await Promise.all(parts.map(({ scored }) => scored));
    const trial = { candidateVersion: CANDIDATE, candidateMissing: "" };
    expect(canary).toEqual(
      canary.map(() => ({
        score: { value: BY_CANDIDATE, modelName: "fraud", modelVersion: CANDIDATE },
        trial: {
          ...trial,
          trialRole: TrialRole.CANARY,
          candidateScore: BY_CANDIDATE,
          championScore: BY_CHAMPION,
        },
      })),
    );
    expect(control).toEqual(
      control.map(() => ({
        score: { value: BY_CHAMPION, modelName: "fraud", modelVersion: CHAMPION },
        trial: { ...trial, trialRole: TrialRole.CONTROL },
      })),
    );
    const asked = peer.requests.map(({ modelVersion, inputs }) => [modelVersion, inputs[0]?.shape[0]]);
    expect(asked.toSorted()).toEqual(
      [
        ["", 50],
        [CANDIDATE, canary.length],
      ].toSorted(),
    );
  });

  test("a shadow score is recorded but does not decide", async () => {
    const rollout = rolloutOf({ stage: RolloutStage.SHADOW, shadowBasisPoints: 10_000 });
    expect(await all(rollout, [task(1)])).toMatchObject([
      { score: { value: BY_CHAMPION }, trial: { trialRole: TrialRole.SHADOW, candidateScore: BY_CANDIDATE } },
    ]);
  });

  test("does not wait for a slow shadow model", async () => {
    peer.others.set(CANDIDATE, { probability: () => BY_CANDIDATE, delayMs: 60_000 });
    const rollout = rolloutOf({ stage: RolloutStage.SHADOW, shadowBasisPoints: 10_000 });
    const [scored] = await all(rollout, [task(1)], 30_000);
    expect(scored).toMatchObject({
      score: { value: BY_CHAMPION },
      trial: { candidateMissing: CANDIDATE_LATE },
    });
    expect(scored?.trial?.candidateScore).toBeUndefined();
  });

  test("a slow canary delays only its own cards, which the champion then scores", async () => {
    peer.others.set(CANDIDATE, { probability: () => BY_CANDIDATE, delayMs: 60_000 });
    const rollout = rolloutOf({ canaryBasisPoints: 5_000 });
    const [canary, control] = scoreTrial(
      scorer,
      rollout,
      Array.from({ length: 50 }, (_, card) => task(card)),
      2_000,
    );
    const first = await Promise.race([canary?.scored.then(() => "canary"), control?.scored.then(() => "control")]);
    expect(first).toBe("control");
    expect((await canary?.scored)?.[0]).toEqual({
      score: { value: BY_CHAMPION, modelName: "fraud", modelVersion: CHAMPION },
      trial: {
        trialRole: TrialRole.CANARY,
        candidateVersion: CANDIDATE,
        candidateMissing: "scoring did not respond within 2000 ms",
      },
    });
  });

  test.each<[string, () => void, string]>([
    ["is not there", () => peer.others.clear(), "scoring rejected the request (NOT_FOUND)"],
    [
      "gives no probability",
      () => peer.others.set(CANDIDATE, { probability: () => Number.NaN }),
      "the model returned NaN, which is not a probability",
    ],
    [
      "is another one",
      () => {
        peer.alter = (response) => ({ ...response, modelVersion: CHAMPION });
      },
      `scoring responded with version ${CHAMPION} instead of ${CANDIDATE}`,
    ],
  ])(
    "the champion scores the cards of a candidate that %s, and the score has the reason",
    async (_name, breakIt, why) => {
      breakIt();
      expect(await all(rolloutOf({ canaryBasisPoints: 10_000 }), [task(1)])).toMatchObject([
        { score: { value: BY_CHAMPION }, trial: { trialRole: TrialRole.CANARY, candidateMissing: why } },
      ]);
    },
  );

  test("a failing candidate gets one request per second; the champion is unaffected", async () => {
    peer.others.clear();
    const rollout = rolloutOf({ canaryBasisPoints: 10_000 });
    for (let batch = 0; batch < 3; batch += 1) await all(rollout, [task(1)], 900);
    const [scored] = await all(rollout, [task(1)], 900);
    expect(scored).toMatchObject({
      score: { value: BY_CHAMPION },
      trial: { candidateMissing: "scoring rejects all requests (NOT_FOUND), so it gets only one request per second" },
    });
  });

  test("a payment has no score if both fail", async () => {
    peer.failures = [status.NOT_FOUND, status.NOT_FOUND];
    const [scored] = await all(rolloutOf({ canaryBasisPoints: 10_000 }), [task(1)]);
    expect(scored).toEqual({
      score: { missing: "scoring rejected the request (NOT_FOUND)" },
      trial: {
        trialRole: TrialRole.CANARY,
        candidateVersion: CANDIDATE,
        candidateMissing: "scoring rejected the request (NOT_FOUND)",
      },
    });
  });
});
