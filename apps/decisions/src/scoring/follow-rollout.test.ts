import {
  Outcome,
  Rollout,
  RolloutStage,
  Rung,
  TrialRole,
} from "@tripline/contracts/generated/tripline/events/v1/events";
import { deadLetterTopic, TABLES } from "@tripline/contracts/topics";
import { payment } from "../testing/payment.js";
import { TestBed } from "../testing/test-bed.js";

let bed: TestBed;
const CANDIDATE = "0000000000ca";
let revision = 0;

/** Resolves once the service has received it. */
async function rollOut(stage: RolloutStage, canaryBasisPoints: number): Promise<void> {
  revision += 1;
  const value = Rollout.encode({
    ...Rollout.decode(new Uint8Array()),
    rolloutId: "rol_1",
    modelName: "fraud",
    stage,
    canaryBasisPoints,
    shadowBasisPoints: 10_000,
    revision,
    candidateVersion: CANDIDATE,
  }).finish();
  await bed.producer.send([{ topic: TABLES.rollouts.name, key: "fraud", value, headers: {} }]);
  const role = { [RolloutStage.SHADOW]: TrialRole.SHADOW, [RolloutStage.CANARY]: TrialRole.CANARY }[Number(stage)];
  while ((await bed.decideOne()).trial?.trialRole !== role);
}

beforeAll(async () => {
  bed = await TestBed.start();
});

afterAll(() => bed.close());

beforeEach(() => {
  bed.scorer.probability = () => 0.01;
  bed.scorer.others.set(CANDIDATE, { probability: () => 0.9 });
});
test("in shadow, the champion decides and the record contains the candidate's score", async () => {
  await rollOut(RolloutStage.SHADOW, 0);
  expect(await bed.decideOne()).toMatchObject({
    outcome: Outcome.APPROVE,
    modelVersion: bed.scorer.modelVersion,
    trial: {
      trialRole: TrialRole.SHADOW,
      candidateVersion: CANDIDATE,
      candidateMissing: "",
      candidateScore: Math.fround(0.9),
    },
  });
});

test("during the canary, the candidate decides, even after a restart", async () => {
  await rollOut(RolloutStage.CANARY, 10_000);
  await bed.stopService();
  const waiting = bed.decideOne();
  await bed.restart();
  // The first payment after the restart.
  expect(await waiting).toMatchObject({
    outcome: Outcome.DECLINE,
    rung: Rung.MODEL,
    score: Math.fround(0.9),
    modelVersion: CANDIDATE,
    trial: { trialRole: TrialRole.CANARY, candidateScore: Math.fround(0.9), championScore: Math.fround(0.01) },
  });
});

test("a retry after the rollback gets the first decision", async () => {
  await rollOut(RolloutStage.CANARY, 10_000);
  const { id, record } = payment();
  await bed.producer.send([record]);
  expect(await bed.decided(id)).toMatchObject({ outcome: Outcome.DECLINE, modelVersion: CANDIDATE });
  await rollOut(RolloutStage.ROLLED_BACK, 0);
  await bed.producer.send([record]);
  const [first, second] = await bed.decisionRecords(id, 2);
  expect(second?.value).toEqual(first?.value);
});

test("the champion decides if scoring does not have the candidate, and the decision says why", async () => {
  bed.scorer.others.clear();
  await rollOut(RolloutStage.CANARY, 10_000);
  expect(await bed.decideOne()).toMatchObject({
    outcome: Outcome.APPROVE,
    rung: Rung.MODEL,
    degradedBecause: "",
    modelVersion: bed.scorer.modelVersion,
    trial: { trialRole: TrialRole.CANARY, candidateMissing: expect.stringMatching(/NOT_FOUND|has stopped responding/) },
  });
});

test("an unreadable rollout becomes a dead letter and changes nothing", async () => {
  await rollOut(RolloutStage.CANARY, 10_000);
  const value = Rollout.encode({ ...Rollout.decode(new Uint8Array()), canaryBasisPoints: 20_000 }).finish();
  await bed.producer.send([{ topic: TABLES.rollouts.name, key: "fraud", value, headers: {} }]);
  await bed.inbox.until((record) => record.topic === deadLetterTopic(TABLES.rollouts.name));
  expect((await bed.decideOne()).trial?.trialRole).toBe(TrialRole.CANARY);
});
