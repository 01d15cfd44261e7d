import { randomInt, randomUUID } from "node:crypto";
import { withLuhnDigit } from "@tripline/contracts/identifiers";
import type { KnownPayment } from "@tripline/system/client/payment";
import type { ApiDecision, TriplineClient } from "@tripline/system/client/tripline-client";

export interface JourneyOptions {
  readonly client: Pick<TriplineClient, "send" | "decision" | "applyLabels">;
  /** Prints each completed step. */
  print(text: string): void;
}

const WAIT_SECONDS = 10;
/** Rules of the shipped policy that use confirmed fraud on the card. */
const AFTER_FRAUD = ["KNOWN_FRAUD_ON_CARD", "UNUSUAL_AMOUNT_AFTER_FRAUD"];

/**
 * The first payment of a new card is decided with reasons, decided identically when the client retries, and then
 * reported as fraud, which affects the decision on the card's next payment.
 *
 * @throws Error in one sentence that names the failed step
 */
export async function firstPaymentJourney({ client, print }: JourneyOptions): Promise<void> {
  const payment = newPayment(1_999);
  const first = await decide(client, payment);
  print(`A new card pays ${amountOf(payment)}.\n${describe(first)}`);

  const again = await decide(client, payment);
  expectSame(first, again, "The retry of the same request");
  print("The client loses the response and sends the same request again. It gets the same decision.");

  expectSame(first, await client.decision(first.id), `GET /v1/decisions/${first.id}`);
  print(`The decision can be read later at /v1/decisions/${first.id}.`);

  await client.applyLabels([{ ...payment, fraud: true, labelledAtMs: Date.now() }], WAIT_SECONDS);
  print("The cardholder disputes the payment. The label `fraud` is sent and counted.");

  const next = { ...newPayment(8_999), cardNumber: payment.cardNumber, terminalId: payment.terminalId };
  const second = await decide(client, next);
  if (!second.reasons.some(({ code }) => AFTER_FRAUD.includes(code))) {
    throw new Error(`The next payment has no reason that refers to the confirmed fraud: ${describe(second)}`);
  }
  print(`The same card pays ${amountOf(next)}, and the decision takes the fraud into account.\n${describe(second)}`);
}

async function decide(client: JourneyOptions["client"], payment: KnownPayment): Promise<ApiDecision> {
  const { decision, status, code } = await client.send(payment, WAIT_SECONDS);
  if (decision === undefined)
    throw new Error(`The payment was not decided within ${WAIT_SECONDS} s: ${code ?? status}.`);
  if (decision.reasons.length === 0) throw new Error(`The decision ${decision.id} has no reasons.`);
  return decision;
}

function expectSame(first: ApiDecision, other: ApiDecision | undefined, what: string): void {
  if (JSON.stringify(first) !== JSON.stringify(other)) {
    throw new Error(`${what} got a different decision: ${JSON.stringify(other)} instead of ${JSON.stringify(first)}.`);
  }
}

function describe({ outcome, fallback_level: level, score, reasons }: ApiDecision): string {
  const from = score === null ? level : `${level}, score ${score.toFixed(4)}`;
  return [`${outcome} (${from})`, ...reasons.map(({ code, text }) => `  ${code}: ${text}`)].join("\n");
}

const amountOf = ({ amountMinor, currency }: KnownPayment): string => `${(amountMinor / 100).toFixed(2)} ${currency}`;

/** A payment with a new card and a new terminal. */
export function newPayment(amountMinor: number): KnownPayment {
  return {
    clientTransactionId: `journey-${randomUUID()}`,
    cardNumber: withLuhnDigit(`400000${String(randomInt(1e9)).padStart(9, "0")}`),
    terminalId: `t-${randomUUID().slice(0, 8)}`,
    amountMinor,
    currency: "EUR",
    occurredAtMs: Date.now(),
    fraud: false,
    labelledAtMs: null,
  };
}
