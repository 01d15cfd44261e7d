import { setTimeout as delay } from "node:timers/promises";
import type { FraudReport } from "@tripline/client";
import type { KnownPayment } from "@tripline/system/client/payment";
import type { TriplineClient } from "@tripline/system/client/tripline-client";
import { labelBody } from "@tripline/system/client/tripline-client";
import { newPayment } from "./first-payment.js";

export interface ChargebackOptions {
  readonly client: Pick<TriplineClient, "send" | "sendReports">;
  /** Prints each completed step. */
  print(text: string): void;
}

const WAIT_SECONDS = 10;
const POLL_MS = 500;
/** A rule of the shipped policy that uses the number of confirmed frauds on the card. */
const KNOWN_FRAUD = "KNOWN_FRAUD_ON_CARD";
/** Time for the console to derive the verdict and for the feature service to count it. */
const VERDICT_MS_MAX = 30_000;
const AMOUNT_MINOR = 1_999;

/**
 * The issuer of a card reports a payment as fraud, and the cardholder disputes it. The card's next payment is flagged.
 * The merchant wins the dispute, and the card is no longer flagged.
 *
 * @throws Error whose message is one sentence that names the failed step
 */
export async function chargebackJourney({ client, print }: ChargebackOptions): Promise<void> {
  const payment = newPayment(AMOUNT_MINOR);
  if ((await reasonsOf(client, payment)).includes(KNOWN_FRAUD))
    throw new Error("The new card already has confirmed fraud.");
  print("A new card pays 19.99 EUR.");

  const dispute = `dispute-${payment.clientTransactionId}`;
  await client.sendReports([
    reportOf(payment, { report_id: `tc40-${payment.clientTransactionId}`, kind: "tc40" }),
    reportOf(payment, { report_id: dispute, kind: "chargeback", reason_code: "10.4" }),
  ]);
  await untilFlagged(client, payment, true);
  print(`The issuer sends a TC40 report, and the cardholder disputes the payment. The next one has ${KNOWN_FRAUD}.`);

  const won = { report_id: dispute, version: 2, kind: "chargeback", stage: "won", reason_code: "10.4" } as const;
  await client.sendReports([reportOf(payment, won)]);
  await untilFlagged(client, payment, false);
  print(`The merchant wins the dispute. The next payment no longer has ${KNOWN_FRAUD}.`);
}

type ReportPart = Pick<FraudReport, "report_id" | "version" | "kind" | "stage" | "reason_code">;

function reportOf(payment: KnownPayment, part: ReportPart): FraudReport {
  const { transaction_id, card, terminal_id, occurred_at } = labelBody(payment);
  return { transaction_id, card, ...(terminal_id === undefined ? {} : { terminal_id }), occurred_at, ...part };
}

async function untilFlagged(client: ChargebackOptions["client"], first: KnownPayment, wanted: boolean): Promise<void> {
  const untilMs = Date.now() + VERDICT_MS_MAX;
  for (;;) {
    const next = { ...newPayment(AMOUNT_MINOR), cardNumber: first.cardNumber, terminalId: first.terminalId };
    const reasons = await reasonsOf(client, next);
    if (reasons.includes(KNOWN_FRAUD) === wanted) return;
    if (Date.now() > untilMs) {
      const what = wanted ? "does not refer to the reported fraud" : "still refers to the fraud";
      throw new Error(`After ${VERDICT_MS_MAX / 1_000} s, the next payment ${what}: ${reasons.join(", ")}.`);
    }
    await delay(POLL_MS);
  }
}

async function reasonsOf(client: ChargebackOptions["client"], payment: KnownPayment): Promise<string[]> {
  const { decision, status, code } = await client.send(payment, WAIT_SECONDS);
  if (decision === undefined) {
    throw new Error(`The payment was not decided within ${WAIT_SECONDS} s: ${code ?? status}.`);
  }
  return decision.reasons.map((reason) => reason.code);
}
