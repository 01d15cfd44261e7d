import { randomInt, randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ReportFile } from "@tripline/backfill/reports/report-file";
import { parseReportMapping } from "@tripline/backfill/reports/report-mapping";
import type { FraudReport } from "@tripline/client";
import { formatShare } from "@tripline/decision-engine/format-value";
import type { ControlClient } from "@tripline/system/client/control-client";
import type { KnownPayment } from "@tripline/system/client/payment";
import type { TriplineClient } from "@tripline/system/client/tripline-client";
import { labelBody } from "@tripline/system/client/tripline-client";
import { DEMO_TENANT } from "@tripline/system/services/plan-services";
import { z } from "zod";
import { newPayment } from "./first-payment.js";

export interface ChargebackOptions {
  readonly client: Pick<TriplineClient, "send" | "sendReports" | "sendUpdates">;
  /** The console's API for clients. */
  readonly reports: Pick<ControlClient, "call">;
  /** The key with which ingestion computes card tokens. */
  readonly cardTokenKey: Uint8Array;
  /** Prints each completed step. */
  print(text: string): void;
}

const WAIT_SECONDS = 10;
const POLL_MS = 500;
/** A rule of the shipped policy that uses the number of confirmed frauds on the card. */
const KNOWN_FRAUD = "KNOWN_FRAUD_ON_CARD";
/** Time to match the report, derive the verdict and count it. A report that arrives before its payment waits a minute. */
const VERDICT_MS_MAX = 90_000;
const AMOUNT_MINOR = 1_999;
/** Undisputed payments of the same merchant. */
const OTHER_PAYMENTS = 3;
const RATIO_MS_MAX = 30_000;

/** The columns of the issuers' file. */
const MAPPING = `
report:
  report_id: { column: FRAUD_ID }
  kind: tc40
  card: { column: PAN, holds: number }
  amount: { column: AMOUNT }
  currency: { column: CURRENCY }
  occurred_at: { column: PURCHASE_DATE, format: "%d%m%Y" }
  acquirer_reference: { column: ARN }
`;

/**
 * A file of issuers' reports marks a payment as fraud, and the cardholder disputes it. The card's next payment is flagged.
 * The merchant wins the dispute, and the card is no longer flagged.
 *
 * @throws Error whose message is one sentence that names the failed step
 */
export async function chargebackJourney({ client, reports, cardTokenKey, print }: ChargebackOptions): Promise<void> {
  const merchantId = `m-${randomUUID().slice(0, 8)}`;
  const acquirerReference = `2469216${randomInt(1e8, 1e9 - 1)}${randomInt(1e6, 1e7 - 1)}`;
  const payment = { ...newPayment(AMOUNT_MINOR), acquirerReference, merchantId };
  if ((await reasonsOf(client, payment)).includes(KNOWN_FRAUD))
    throw new Error("The new card already has confirmed fraud.");
  print("A new card pays 19.99 EUR.");

  await client.sendReports(await readFile(payment, cardTokenKey));
  await untilFlagged(client, payment, true);
  print(
    `A TC40 file contains the card, the day and the acquirer reference. The next payment has the reason ${KNOWN_FRAUD}.`,
  );

  const dispute = {
    report_id: `dispute-${payment.clientTransactionId}`,
    kind: "chargeback",
    reason_code: "10.4",
  } as const;
  await client.sendReports([reportOf(payment, dispute)]);
  await capture(client, payment);
  for (let other = 0; other < OTHER_PAYMENTS; other += 1) {
    const paid = { ...newPayment(AMOUNT_MINOR), merchantId };
    await reasonsOf(client, paid);
    await capture(client, paid);
  }
  await client.sendReports([reportOf(payment, { ...dispute, version: 2, stage: "won" })]);
  await untilFlagged(client, payment, false);
  print(
    `The cardholder disputes the payment, and the merchant wins. The next payment no longer has the reason ${KNOWN_FRAUD}.`,
  );
  print(await ratioOf(reports, merchantId));
}

/** The reports in a file about the payment, as `tripline reports import` reads them. */
async function readFile(payment: KnownPayment, key: Uint8Array): Promise<FraudReport[]> {
  const folder = await mkdtemp(join(tmpdir(), "tripline-chargeback-"));
  try {
    const path = join(folder, "tc40.csv");
    const [year, month, day] = new Date(payment.occurredAtMs).toISOString().slice(0, 10).split("-");
    const { cardNumber, currency, acquirerReference, clientTransactionId } = payment;
    const cells = [
      `tc40-${clientTransactionId}`,
      cardNumber,
      "19.99",
      currency,
      `${day}${month}${year}`,
      acquirerReference,
    ];
    await writeFile(path, `FRAUD_ID,PAN,AMOUNT,CURRENCY,PURCHASE_DATE,ARN\n${cells.join(",")}\n`, { mode: 0o600 });
    const file = await ReportFile.open(parseReportMapping(MAPPING, "the mapping", path), { key, tenant: DEMO_TENANT });
    try {
      const reports: FraudReport[] = [];
      for await (const { request } of file.reports()) reports.push(request as unknown as FraudReport);
      if (reports.length !== 1) throw new Error(`The file was rejected: ${file.mapped.rejected[0]?.reason}.`);
      return reports;
    } finally {
      await file.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Tells the system that the payment was settled. */
async function capture(client: ChargebackOptions["client"], payment: KnownPayment): Promise<void> {
  const { transaction_id, card } = labelBody(payment);
  const occurred_at = new Date().toISOString();
  const amount = { minor: payment.amountMinor, currency: payment.currency as "EUR" };
  await client.sendUpdates([{ transaction_id, card, update_id: "capture", kind: "captured", amount, occurred_at }]);
}

const shownRatios = z.object({
  lines: z.array(
    z.object({
      merchantId: z.string().nullable(),
      scheme: z.string(),
      settled: z.number(),
      chargebacks: z.number(),
      ratio: z.number().nullable(),
      programs: z.array(
        z.object({ program: z.string(), state: z.string(), ratioMin: z.number(), reportsMin: z.number() }),
      ),
    }),
  ),
});

/** Waits until the console has counted the captures and the chargeback. */
async function ratioOf(reports: ChargebackOptions["reports"], merchant: string): Promise<string> {
  const query = new URLSearchParams({ month: new Date().toISOString().slice(0, "2026-11".length), merchant });
  const untilMs = Date.now() + RATIO_MS_MAX;
  for (;;) {
    const { lines } = shownRatios.parse(await reports.call("GET", "/v1/fraud-reports/ratios", { query }));
    const line = lines.find(({ merchantId, scheme }) => merchantId === merchant && scheme === "visa");
    const { chargebacks = 0, settled = 0, ratio = null, programs = [] } = line ?? {};
    if (chargebacks === 1 && settled === OTHER_PAYMENTS + 1 && ratio !== null) {
      const text = `This month, 1 of ${settled} settled payments of merchant ${merchant} was charged back: ${formatShare(ratio)}.`;
      const limits = programs.map(
        ({ program, state, ratioMin, reportsMin }) =>
          `${program} (${formatShare(ratioMin)} and ${reportsMin.toLocaleString("en")} reports): ${state}`,
      );
      return [text, ...limits].join("\n");
    }
    if (Date.now() > untilMs) throw new Error(`The dispute ratio is unknown: ${JSON.stringify(lines)}.`);
    await delay(POLL_MS);
  }
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
