import { readFile } from "node:fs/promises";
import { keyedToken } from "@tripline/contracts/identifiers";
import type { Kafka } from "@tripline/kafka/port";
import type { TrainedModel } from "@tripline/model-loop/demo-model/train-demo-model";
import { SHIPPED_POLICY } from "@tripline/model-loop/replay-decisions/find-policies";
import { ATTACK_MS_MAX } from "@tripline/simulator/attacks/attack-table";
import type { Simulation } from "@tripline/simulator/create-simulation";
import { createSimulation } from "@tripline/simulator/create-simulation";
import type { SimulatedEvent } from "@tripline/simulator/merge-labels";
import { eventsFrom } from "@tripline/simulator/merge-labels";
import { DAY_MS, HOUR_MS } from "@tripline/simulator/payment-times";
import type { SimulatedPayment } from "@tripline/simulator/simulated-payment";
import type { ControlClient } from "@tripline/system/client/control-client";
import type { PolicyClient } from "@tripline/system/client/policy-client";
import type { TriplineClient } from "@tripline/system/client/tripline-client";
import { settledLedger } from "@tripline/system/ledger/ledger";
import { DEMO_TENANT } from "@tripline/system/services/plan-services";
import { putEntries } from "../commands/lists/put-entries.js";
import type { AttackedDay, DecidedPayment } from "./support/attacked-day.js";
import { playAttackedDay } from "./support/attacked-day.js";

export interface CardTestingOptions {
  readonly client: Pick<TriplineClient, "decideAll" | "applyLabels" | "sendUpdates">;
  readonly control: Pick<ControlClient, "call">;
  /** The policies of the payments' tenant. */
  readonly policies: PolicyClient;
  readonly kafka: Kafka;
  /** The simulation that traffic continues. */
  readonly model: Pick<TrainedModel, "simulation" | "historyEndMs">;
  /** The key used to compute card tokens. */
  readonly cardTokenKey: Uint8Array;
  /** Prints each completed step. */
  print(text: string): void;
}

/** Cards of two BINs, one for each attack. */
const TESTED = [3, 7] as const;
const ATTACK_HOUR = 10;
/** The first attacker comes back with at most this many cards that worked. */
const RETURNING = 10;
/** The rules must decline this share of the second attack, and at most this share of the genuine payments. */
const RECALL_MIN = 0.9;
const FALSE_POSITIVES_MAX = 0.01;

const CODES = ["CARDS_TESTED_FROM_DEVICE", "BIN_TESTED_AT_SHOPS"] as const;
const RULES = [
  `{ id: cards-tested-from-device, when: device_cards_1d >= 4, reason: ${CODES[0]}, action: decline, ` +
    `text: "This device paid with {device_cards_1d} cards within a day." }`,
  `{ id: bin-tested-at-shops, when: terminal_bin_cards_1h >= 3 && amount < 5 && terminal_bin_mean_1h < 4, reason: ${CODES[1]}, ` +
    `action: decline, text: "{terminal_bin_cards_1h} cards of this BIN paid small amounts at this terminal within an hour." }`,
];

/**
 * Plays a card-testing attack under the shipped policy, adds two rules and a list entry, and plays another attack, which
 * they decline. At the end, the ledger balances.
 *
 * @throws Error in one sentence that names the failed step
 */
export async function cardTestingJourney(options: CardTestingOptions): Promise<void> {
  const { client, policies, kafka, model, print } = options;
  const simulation = createSimulation({ ...model.simulation, hasDetails: true });
  const [firstDay, secondDay] = daysOf(simulation, model.historyEndMs);

  const firstAttack = attackOn(simulation, TESTED[0], model.historyEndMs);
  const before = await playAttackedDay(client, merged(firstDay, firstAttack));
  print(
    `Among ${genuineOf(before).length} genuine payments in a day, an attacker tests numbers of one BIN from one device. Under the shipped policy:\n${describe(before)}`,
  );

  const { newest_activation: after } = await policies.status();
  const { revision } = await policies.push(withRules(await readFile(SHIPPED_POLICY, "utf8")), "journey: card testing");
  await policies.activate({ revision, after, note: "journey: decline card testing" });
  const device = firstAttack[0]?.deviceId ?? "";
  const entry = { kind: "device", value: keyedToken("device", options.cardTokenKey, DEMO_TENANT, device) };
  try {
    await putEntries(options.control, "deny", { entries: [{ ...entry, reason: "journey: it tested cards" }] });
    print(
      "Two declining rules are activated: four cards on a device within a day, and three cards of a BIN with small amounts at a " +
        "terminal within an hour. The guard of this revision allows the share of declines to rise by 30 points. The attacker's " +
        "device is added to the deny list.",
    );
    const secondAttack = attackOn(simulation, TESTED[1], model.historyEndMs + DAY_MS);
    const returning = againOf(before, device);
    const under = await playAttackedDay(client, merged(secondDay, [...secondAttack, ...returning]), before.worked);
    print(`The next day, another attacker tests numbers of another BIN:\n${describe(under, returning)}`);
    checkRules(under, revision, returning);
    print(quality(under, returning));
    const decided = [...before.decided, ...under.decided];
    print(await settledLedger(kafka, new Set(decided.map(({ decision }) => decision.id))));
    print(
      "The rules count cards, so the first three attempts pass, and a device that several customers share, such as a till, looks " +
        "like an attacker's.",
    );
  } finally {
    const { newest_activation: newest } = await policies.status();
    await policies.activate({ revision: null, after: newest, note: "journey: end" });
    const query = new URLSearchParams(entry);
    await options.control.call("DELETE", "/v1/lists/deny/entries", { query });
  }
}

/** The events of two days. */
function daysOf(simulation: Simulation, fromMs: number): readonly [SimulatedEvent[], SimulatedEvent[]] {
  const days: [SimulatedEvent[], SimulatedEvent[]] = [[], []];
  for (const event of eventsFrom(simulation, fromMs)) {
    if (event.atMs >= fromMs + 2 * DAY_MS) break;
    days[event.atMs < fromMs + DAY_MS ? 0 : 1].push(event);
  }
  return days;
}

function attackOn(simulation: Simulation, card: number, dayMs: number): SimulatedPayment[] {
  return simulation.attack("card-testing", card, dayMs + ATTACK_HOUR * HOUR_MS);
}

function merged(events: readonly SimulatedEvent[], payments: readonly SimulatedPayment[]): SimulatedEvent[] {
  const added = payments.map((payment) => ({ kind: "payment" as const, atMs: payment.occurredAtMs, payment }));
  return [...events, ...added].sort((left, right) => left.atMs - right.atMs);
}

/** The first attacker's purchases from its own device, a day later. */
function againOf({ decided }: AttackedDay, device: string): SimulatedPayment[] {
  return decided
    .filter(({ payment }) => payment.attackStep === "purchase" && payment.deviceId === device)
    .slice(0, RETURNING)
    .map(({ payment }) => ({
      ...payment,
      clientTransactionId: `${payment.clientTransactionId}-again`,
      occurredAtMs: payment.occurredAtMs + DAY_MS + ATTACK_MS_MAX,
      labelledAtMs: payment.labelledAtMs + DAY_MS + ATTACK_MS_MAX,
    }));
}

/** Relaxes the guard as well, because the rules decline many more payments during an attack. */
function withRules(policy: string): string {
  return policy
    .replace(/^rules:$/m, `rules:\n  - ${RULES.join("\n  - ")}`)
    .replace(/^ {2}outcome_points_max: .*$/m, "  outcome_points_max: 0.3");
}

const attackOf = ({ decided }: AttackedDay, without: readonly SimulatedPayment[] = []): DecidedPayment[] => {
  const ids = new Set(without.map(({ clientTransactionId }) => clientTransactionId));
  return decided.filter(({ payment }) => payment.scenario === "card-testing" && !ids.has(payment.clientTransactionId));
};
const genuineOf = ({ decided }: AttackedDay): DecidedPayment[] => decided.filter(({ payment }) => !payment.fraud);
const isDeclined = ({ decision }: DecidedPayment): boolean => decision.outcome === "decline";
const isByRule = ({ decision }: DecidedPayment): boolean =>
  decision.outcome === "decline" && decision.reasons.some(({ code }) => CODES.some((own) => own === code));

function describe(day: AttackedDay, returning: readonly SimulatedPayment[] = []): string {
  const attack = attackOf(day, returning);
  const lines = (["attempt", "purchase"] as const).map((step) => {
    const own = attack.filter(({ payment }) => payment.attackStep === step);
    const counts = ["approve", "challenge", "review", "decline"].map(
      (outcome) => `${outcome} ${own.filter(({ decision }) => decision.outcome === outcome).length}`,
    );
    const amount = own
      .filter(({ decision, payment }) => decision.outcome === "approve" && payment.issuerCode === "00")
      .reduce((sum, { payment }) => sum + payment.amountMinor, 0);
    return `${step}s: ${own.length} (${counts.join(", ")}); approved and authorised: ${(amount / 100).toFixed(2)}`;
  });
  const lost = day.untried.reduce((sum, { amountMinor }) => sum + amountMinor, 0);
  return [...lines, `purchases not tried: ${day.untried.length}, worth ${(lost / 100).toFixed(2)}`].join("\n");
}

/** @throws Error if the rules declined too few payments of the attack, or too many genuine ones */
function checkRules(day: AttackedDay, revision: number, returning: readonly SimulatedPayment[]): void {
  const attack = attackOf(day, returning);
  const other = attack.find(({ decision }) => decision.policy_revision !== revision);
  if (other !== undefined) {
    throw new Error(`Revision ${other.decision.policy_revision} decided ${other.decision.id} instead of ${revision}.`);
  }
  if (attack.length === 0 || genuineOf(day).length === 0)
    throw new Error("There is no attack, or there are no genuine payments.");
  const recall = shareOf(attack, isDeclined);
  if (recall < RECALL_MIN) throw new Error(`The rules declined only ${percent(recall)} of the attack.`);
  const wrong = shareOf(genuineOf(day), isByRule);
  if (wrong > FALSE_POSITIVES_MAX) throw new Error(`The rules declined ${percent(wrong)} of the genuine payments.`);
  const ids = new Set(returning.map(({ clientTransactionId }) => clientTransactionId));
  const passed = day.decided.find((one) => ids.has(one.payment.clientTransactionId) && !isDeclined(one));
  if (passed !== undefined) throw new Error(`The listed device was not declined: ${passed.decision.id}.`);
}

function quality(day: AttackedDay, returning: readonly SimulatedPayment[]): string {
  const attack = attackOf(day, returning);
  const genuine = genuineOf(day);
  const wrong = genuine.filter(isByRule).length;
  return (
    `Recall: ${percent(shareOf(attack, isDeclined))} of ${attack.length} payments of the attack were declined. False positives: ` +
    `the rules declined ${wrong} of ${genuine.length} genuine payments (${percent(wrong / genuine.length)}). ${
      returning.length === 0
        ? "The first attacker made no purchase, so the device does not come back."
        : `The first attacker's device came back with ${returning.length} payments; the list declined all of them.`
    }`
  );
}

function shareOf(of: readonly DecidedPayment[], has: (one: DecidedPayment) => boolean): number {
  return of.filter(has).length / of.length;
}

const percent = (share: number): string => `${(share * 100).toFixed(2)} %`;
