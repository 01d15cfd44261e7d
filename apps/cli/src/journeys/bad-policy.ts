import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Decision, Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TOPICS } from "@tripline/contracts/topics";
import type { Kafka } from "@tripline/kafka/port";
import type { TrainedModel } from "@tripline/model-loop/demo-model/train-demo-model";
import { SHIPPED_POLICY } from "@tripline/model-loop/replay-decisions/find-policies";
import { createSimulation } from "@tripline/simulator/create-simulation";
import { eventsFrom } from "@tripline/simulator/merge-labels";
import type { SimulatedPayment } from "@tripline/simulator/simulated-payment";
import { ControlRefusal } from "@tripline/system/client/control-client";
import type { PolicyActivationRow, PolicyClient } from "@tripline/system/client/policy-client";
import type { TriplineClient } from "@tripline/system/client/tripline-client";
import { awaitArchive } from "@tripline/system/ledger/await-archive";
import { readTopic } from "@tripline/system/ledger/ledger";
import { backtestCommand } from "../commands/policy/backtest.js";
import { LIVE_AMOUNT_MINOR_MAX, LiveTraffic } from "./support/live-traffic.js";

export interface BadPolicyOptions {
  readonly client: Pick<TriplineClient, "decideAll" | "applyLabels">;
  /** The policies of the tenant that sends the payments. */
  readonly policies: PolicyClient;
  readonly kafka: Kafka;
  /** The folder that archive writes to. */
  readonly lake: string;
  /** The simulation that traffic continues. */
  readonly model: Pick<TrainedModel, "simulation" | "historyEndMs" | "registryUrl">;
  /** Prints each completed step. */
  print(text: string): void;
}

const DAY_MS = 86_400_000;
/** Longer than the label delay, so that labels of the first days have arrived. */
const DAYS = 24;
/** Few enough cards to simulate three weeks within a minute. */
const CARDS = 24;
const CHUNK = 50;
const WAIT_SECONDS = 25;
const LIMITS = ["--decline-share-max", "5%"];

const PAYMENTS_PER_SECOND = 50;
/** After this time, cards with payments show the normal mix of outcomes. */
const USUAL_MS = 5_000;
const RETURN_MS_MAX = 30_000;
const POLL_MS = 250;
const CONFLICT = 409;

/**
 * A backtest on recently decided payments stops a draft that would decline a third of them, and a sound draft passes
 * the same limits. If a user activates the bad draft anyway, its guard rolls it back under live traffic.
 *
 * @throws Error in one sentence that names the failed step
 */
export async function badPolicyJourney(options: BadPolicyOptions): Promise<void> {
  await stopByBacktest(options);
  await stopByGuard(options);
}

async function stopByGuard({ client, policies, kafka, print }: BadPolicyOptions): Promise<void> {
  const shipped = await readFile(SHIPPED_POLICY, "utf8");
  const third = ((LIVE_AMOUNT_MINOR_MAX * 2) / 3 / 100).toFixed(2);
  const { revision } = await policies.push(withRule(shipped, tooMuch(third)), "journey: a draft that declines a third");
  const traffic = new LiveTraffic(client, PAYMENTS_PER_SECOND);
  let inForce: PolicyActivationRow | null = null;
  let begun: PolicyActivationRow;
  try {
    await delay(USUAL_MS);
    const { newest_activation: after } = await policies.status();
    begun = await policies.activate({ revision, after, note: "journey: activated despite the backtest" });
    const endMs = Date.now() + RETURN_MS_MAX;
    do {
      await delay(POLL_MS);
      inForce = (await policies.status()).in_force;
    } while (inForce?.activation === begun.activation && Date.now() < endMs);
  } finally {
    await traffic.stop();
  }
  if (inForce === null || inForce.activation === begun.activation) {
    throw new Error(
      `The draft that declines a third of the payments was active for more than ${RETURN_MS_MAX / 1_000} s.`,
    );
  }
  const decisions = await traffic.stop();
  const { touched, cards } = await countCards(kafka, new Set(decisions.map(({ id }) => id)), revision);
  const seconds = (Date.parse(inForce.activates_at) - Date.parse(begun.activates_at)) / 1_000;
  print(
    `The draft was activated anyway. ${inForce.author} rolled it back after ${seconds.toFixed(1)} s; it declined payments of ${touched} of ${cards} cards.\n${inForce.note}`,
  );
  print(`A second attempt was rejected: ${await refusalOfSecondTry(policies, revision, inForce.activation)}`);
}

/** @returns why a single user cannot reactivate a policy that was rolled back */
async function refusalOfSecondTry(policies: PolicyClient, revision: number, after: number): Promise<string> {
  try {
    await policies.activate({ revision, after, note: "journey: a second try" });
  } catch (thrown) {
    if (thrown instanceof ControlRefusal && thrown.status === CONFLICT) return thrown.message;
    throw thrown;
  }
  throw new Error("The same client could activate the rolled-back draft again.");
}

/** Cards with payments, and those with a payment that the revision declined. */
async function countCards(kafka: Kafka, ids: ReadonlySet<string>, revision: number) {
  const [cards, touched] = [new Set<string>(), new Set<string>()];
  await readTopic(kafka, TOPICS.decisions.name, ({ value }) => {
    const { transactionId, cardToken, policyRevision, outcome } = Decision.decode(value);
    if (!ids.has(transactionId)) return;
    cards.add(cardToken);
    if (policyRevision === revision && outcome === Outcome.DECLINE) touched.add(cardToken);
  });
  return { cards: cards.size, touched: touched.size };
}

async function stopByBacktest({ client, kafka, lake, model, print }: BadPolicyOptions): Promise<void> {
  const fromMs = Date.now();
  const { payments, labels } = eventsOf(model);
  for (let at = 0; at < payments.length; at += CHUNK) {
    await client.decideAll(payments.slice(at, at + CHUNK), WAIT_SECONDS);
  }
  for (let at = 0; at < labels.length; at += CHUNK)
    await client.applyLabels(labels.slice(at, at + CHUNK), WAIT_SECONDS);
  await awaitArchive(kafka, lake, [TOPICS.features, TOPICS.decisions, TOPICS.labels]);
  const known = labels.filter(({ fraud }) => fraud).length;
  print(
    `${CARDS} cards pay for ${DAYS} days: ${payments.length} payments are decided and archived, ${known} are reported as fraud.`,
  );

  const folder = await mkdtemp(join(tmpdir(), "tripline-bad-policy-"));
  const range = ["--lake", lake, "--from", isoOf(fromMs), "--to", isoOf(Date.now() + 1), "--threads", "1"];
  const backtest = async (name: string, rule: string) => {
    const draft = join(folder, name);
    const shipped = await readFile(SHIPPED_POLICY, "utf8");
    await writeFile(draft, withRule(shipped, rule));
    return run([draft, ...range, "--registry", model.registryUrl, ...LIMITS]);
  };
  try {
    const third = thirdOf(payments);
    const stopped = await backtest("bad.yaml", tooMuch(third));
    if (stopped.code !== 1)
      throw new Error(`The draft that declines amounts of ${third} or more passed: ${stopped.lines.at(-1)}`);
    const sentences = stopped.lines.filter((line) => line.startsWith("The draft declines "));
    print(
      `\`tripline policy backtest … ${LIMITS.join(" ")}\` rejects a draft that declines amounts of ${third} or more.\n${sentences.join("\n")}`,
    );

    const sound = `{ id: many-small, when: card_count_1d >= 12 && amount < 5, reason: MANY_SMALL, action: challenge, text: "{card_count_1d} payments in a day." }`;
    const passed = await backtest("sound.yaml", sound);
    if (passed.code !== 0) throw new Error(`The sound draft was rejected: ${passed.lines.slice(-2).join(" ")}`);
    print(`A draft with a rule for many small payments stays within the same limits.\n${passed.lines.at(-1)}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function tooMuch(amount: number | string): string {
  return `{ id: too-much, when: amount >= ${amount}, reason: TOO_MUCH, action: decline, text: "{amount} {currency} is too much." }`;
}

function withRule(policy: string, rule: string): string {
  return policy.replace(/^rules:$/m, `rules:\n  - ${rule}`);
}

/** Payments of a few cards after the history, and the labels known at the end, both in event-time order. */
function eventsOf({ simulation, historyEndMs }: BadPolicyOptions["model"]) {
  const cards = new Set<string>();
  const ids = new Set<string>();
  const payments: SimulatedPayment[] = [];
  const labels: SimulatedPayment[] = [];
  for (const { kind, atMs, payment } of eventsFrom(createSimulation(simulation), historyEndMs)) {
    if (atMs >= historyEndMs + DAYS * DAY_MS) break;
    if (kind === "label" && ids.has(payment.clientTransactionId)) labels.push(payment);
    if (kind === "label" || (!cards.has(payment.cardNumber) && cards.size === CARDS)) continue;
    cards.add(payment.cardNumber);
    ids.add(payment.clientTransactionId);
    payments.push(payment);
  }
  return { payments, labels };
}

/** The amount that a third of the payments reach, in major units. */
function thirdOf(payments: readonly SimulatedPayment[]): number {
  const amounts = payments.map(({ amountMinor }) => amountMinor).sort((left, right) => right - left);
  return (amounts[Math.floor(amounts.length / 3)] ?? 0) / 100;
}

/** The command's output and exit code. */
async function run(parameters: readonly string[]): Promise<{ lines: string[]; code: unknown }> {
  let text = "";
  const before = process.exitCode;
  await backtestCommand({ write: (more: string) => (text += more) }).parseAsync(parameters, { from: "user" });
  const code = process.exitCode;
  process.exitCode = before;
  return { lines: text.trimEnd().split("\n"), code };
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}
