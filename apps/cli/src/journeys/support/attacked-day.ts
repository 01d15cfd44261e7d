import type { SimulatedEvent } from "@tripline/simulator/merge-labels";
import type { SimulatedPayment } from "@tripline/simulator/simulated-payment";
import type { ApiDecision, TriplineClient } from "@tripline/system/client/tripline-client";
import { answersTo } from "../../demo/simulated-issuer.js";

export interface DecidedPayment {
  readonly payment: SimulatedPayment;
  readonly decision: ApiDecision;
}

export interface AttackedDay {
  readonly decided: readonly DecidedPayment[];
  /** Numbers of the tested cards that worked, as far as the attacker knows. */
  readonly worked: ReadonlySet<string>;
  /** Purchases that the attacker did not try, because the test of the card had failed. */
  readonly untried: readonly SimulatedPayment[];
}

const CHUNK = 50;
const WAIT_SECONDS = 25;

/**
 * Plays events in order, with the issuer's answers. An attacker pays only with cards whose test was authorised, because
 * a test that Tripline declined reveals nothing about the card.
 */
export async function playAttackedDay(
  client: Pick<TriplineClient, "decideAll" | "applyLabels" | "sendUpdates">,
  events: Iterable<SimulatedEvent>,
  workedBefore: ReadonlySet<string> = new Set(),
): Promise<AttackedDay> {
  const decided: DecidedPayment[] = [];
  const worked = new Set(workedBefore);
  const untried: SimulatedPayment[] = [];
  let [payments, labels]: [SimulatedPayment[], SimulatedPayment[]] = [[], []];
  const send = async (): Promise<void> => {
    const decisions = await client.decideAll(payments, WAIT_SECONDS);
    const updates = payments.flatMap((payment, index) => {
      const decision = decisions[index];
      if (decision === undefined) throw new Error(`The payment ${payment.clientTransactionId} has no decision.`);
      decided.push({ payment, decision });
      const answers = answersTo(payment, decision.outcome);
      if (answers.some(({ kind }) => kind === "authorised") && payment.attackStep === "attempt") {
        worked.add(payment.cardNumber);
      }
      return answers;
    });
    if (updates.length > 0) await client.sendUpdates(updates);
    await client.applyLabels(labels, WAIT_SECONDS);
    [payments, labels] = [[], []];
  };
  for (const { kind, payment } of events) {
    if (kind === "label") labels.push(payment);
    else {
      const isPurchase = payment.scenario === "card-testing" && payment.attackStep === "purchase";
      // The answers to the tests decide whether there is a purchase.
      if (isPurchase) await send();
      if (isPurchase && !worked.has(payment.cardNumber)) untried.push(payment);
      else payments.push(payment);
    }
    if (payments.length + labels.length >= CHUNK) await send();
  }
  await send();
  return { decided, worked, untried };
}
