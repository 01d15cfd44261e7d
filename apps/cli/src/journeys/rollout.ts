import { setTimeout as delay } from "node:timers/promises";
import { Decision, TrialRole } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TOPICS } from "@tripline/contracts/topics";
import { BASIS_POINTS, placeOf } from "@tripline/decision-engine/assign-card";
import type { Kafka } from "@tripline/kafka/port";
import { openRegistry } from "@tripline/model-registry/open-registry";
import type { RolloutClient, RolloutRequest, ShownRollout } from "@tripline/system/client/rollout-client";
import type { TriplineClient } from "@tripline/system/client/tripline-client";
import { readTopic, settledLedger } from "@tripline/system/ledger/ledger";
import { MODEL_NAME } from "@tripline/system/services/plan-services";
import type { Alteration } from "./support/alter-model.js";
import { publishAltered } from "./support/alter-model.js";
import { LiveTraffic } from "./support/live-traffic.js";

export interface RolloutJourneyOptions {
  readonly client: Pick<TriplineClient, "decideAll">;
  readonly rollouts: RolloutClient;
  readonly kafka: Kafka;
  readonly registryUrl: string;
  /** Rate of live traffic; enough for the guards to judge one percent of it within seconds. */
  readonly paymentsPerSecond?: number;
  /** Minimum time of a good version in shadow and at each share of the cards; by default 5 s. */
  readonly stepSeconds?: number;
  /** Prints each completed step. */
  print(text: string): void;
}

const PAYMENTS_PER_SECOND = 200;
const STEP_SECONDS = 5;
const ROLLBACK_MS_MAX = 30_000;
const END_MS_MAX = 300_000;
const POLL_MS = 500;

/** A bad version, and its initial share of the cards. */
interface BadModel {
  readonly alteration: Alteration;
  readonly percent: number;
  readonly what: string;
  readonly guards?: RolloutRequest["guards"];
}

const BAD: readonly BadModel[] = [
  {
    alteration: "inverted",
    percent: 1,
    what: "with inverted scores",
    // Otherwise, the agreement guard would end the rollout before the candidate decides any payment, and the canary
    // would not be tested.
    guards: { agreement_points_max: 1 },
  },
  { alteration: "slow", percent: 5, what: "that responds too slowly" },
];

/**
 * Two bad versions of the champion start as canaries under live traffic. Both are rolled back automatically within 30 s
 * and affect only cards in their share, and every payment has exactly one decision.
 *
 * @throws Error in one sentence that names the failed step
 */
export async function badModelJourney(options: RolloutJourneyOptions): Promise<void> {
  for (const { alteration, percent, what, guards = {} } of BAD) {
    const plan: Partial<RolloutRequest> = { begin_with: "canary", auto: true, steps_percent: [percent, 50], guards };
    const result = await rollOut(options, alteration, plan);
    expectStage(result.rollout, "rolled-back");
    const backMs = rollbackMs(result.rollout);
    if (backMs > ROLLBACK_MS_MAX) {
      throw new Error(
        `The rollback took ${backMs} ms, which is more than ${ROLLBACK_MS_MAX}.\n${story(result.rollout)}`,
      );
    }
    // The share refers to all cards. Among the few that pay within a minute, it varies by chance.
    const outside = result.touched.filter((card) => placeOf(card, result.rollout.id) >= (percent * BASIS_POINTS) / 100);
    if (outside.length > 0) throw new Error(`${outside.length} cards outside the ${percent} % were affected.`);
    const share = (100 * result.touched.length) / result.cards;
    const champion = await openRegistry(options.registryUrl).aliasTarget(MODEL_NAME, "champion");
    if (champion !== result.rollout.champion)
      throw new Error(`The champion is ${champion}, not ${result.rollout.champion}.`);
    options.print(
      `A version ${what} ran on ${percent} % of cards and was rolled back after ${(backMs / 1_000).toFixed(1)} s; it decided payments of ${result.touched.length} of ${result.cards} cards (${share.toFixed(2)} %).\n${result.ledger}\n${story(result.rollout)}`,
    );
  }
}

/**
 * A good version goes from shadow to champion under live traffic, without human intervention.
 *
 * @throws Error in one sentence that names the failed step
 */
export async function goodModelJourney(options: RolloutJourneyOptions): Promise<void> {
  const { stepSeconds = STEP_SECONDS } = options;
  // The payments of this journey get no labels.
  const guards = { mature_labels_min: 0 };
  const plan = { auto: true, shadow_seconds: stepSeconds, step_seconds: stepSeconds, guards };
  const result = await rollOut(options, "similar", plan);
  expectStage(result.rollout, "champion");
  const registry = openRegistry(options.registryUrl);
  const champion = await registry.aliasTarget(MODEL_NAME, "champion");
  if (champion !== result.rollout.candidate)
    throw new Error(`The champion is ${champion}, not ${result.rollout.candidate}.`);
  options.print(`A better version was promoted to champion automatically.\n${result.ledger}\n${story(result.rollout)}`);
  await registry.setAlias(MODEL_NAME, "champion", result.rollout.champion, {
    why: "end of the journey",
    isRollback: true,
  });
}

interface RolloutResult {
  readonly rollout: ShownRollout;
  /** Cards with payments, and those for which the candidate decided. */
  readonly cards: number;
  readonly touched: readonly string[];
  readonly ledger: string;
}

async function rollOut(
  { client, rollouts, kafka, registryUrl, paymentsPerSecond = PAYMENTS_PER_SECOND }: RolloutJourneyOptions,
  alteration: Alteration,
  plan: Partial<RolloutRequest>,
): Promise<RolloutResult> {
  const registry = openRegistry(registryUrl);
  const champion = await registry.resolve(MODEL_NAME, "champion");
  const candidate = await publishAltered(registry, champion, alteration);
  const traffic = new LiveTraffic(client, paymentsPerSecond);
  let rollout: ShownRollout;
  try {
    rollout = await rollouts.start({
      ...{ model: MODEL_NAME, candidate, why: `journey: the ${alteration} model`, without_comparison: true },
      ...plan,
    });
    const endMs = Date.now() + END_MS_MAX;
    while ((rollout.stage === "shadow" || rollout.stage === "canary") && Date.now() < endMs) {
      await delay(POLL_MS);
      rollout = await rollouts.status(MODEL_NAME);
    }
  } finally {
    await traffic.stop();
  }
  const decisions = await traffic.stop();
  const accepted = new Set(decisions.map(({ id }) => id));
  const { cards, touched } = await countCards(kafka, accepted, candidate);
  return { rollout, cards, touched, ledger: await settledLedger(kafka, accepted) };
}

async function countCards(kafka: Kafka, ids: ReadonlySet<string>, candidate: string) {
  const [cards, touched] = [new Set<string>(), new Set<string>()];
  await readTopic(kafka, TOPICS.decisions.name, ({ value }) => {
    const { transactionId, cardToken, modelVersion, trial } = Decision.decode(value);
    if (!ids.has(transactionId)) return;
    cards.add(cardToken);
    // A payment that fell back to the champion waited for the candidate, so its card counts as affected.
    const isCanary = trial?.trialRole === TrialRole.CANARY && trial.candidateVersion === candidate;
    if (isCanary || modelVersion === candidate) touched.add(cardToken);
  });
  return { cards: cards.size, touched: [...touched] };
}

function expectStage(rollout: ShownRollout, stage: ShownRollout["stage"]): void {
  if (rollout.stage === stage) return;
  throw new Error(`The rollout ended as ${rollout.stage}, not as ${stage}:\n${story(rollout)}`);
}

/** Milliseconds between the step at which the candidate began to decide and its rollback. */
function rollbackMs({ steps }: ShownRollout): number {
  const over = steps.find(({ step }) => step === "rollback");
  const begun = steps.find(({ stage }) => stage === "canary");
  if (over === undefined || begun === undefined) throw new Error("The candidate decided no payments.");
  return Date.parse(over.at) - Date.parse(begun.at);
}

function story({ steps }: ShownRollout): string {
  return steps
    .map(({ at, actor, step, stage, canary_percent, why }) => {
      const where = stage === "canary" ? `canary ${canary_percent} %` : stage;
      return `  ${at.slice(11, 23)} ${actor}: ${step} -> ${where}; ${why}`;
    })
    .join("\n");
}
