import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createSimulation } from "@tripline/simulator/create-simulation";
import type { SimulatedPayment } from "@tripline/simulator/simulated-payment";
import { sentBody } from "@tripline/system/generated/sent-fields";

/** Maximum number of payments in k6's memory. A longer run sends them again with new IDs. */
export const PAYMENTS_MAX = 100_000;

const START_MS = Date.UTC(2026, 0, 5, 6);

export interface PaymentsOptions {
  readonly path: string;
  readonly seed: number;
  readonly cards: number;
  readonly terminals: number;
  /** Number of payments, at most `PAYMENTS_MAX`. */
  readonly count: number;
}

/** Writes simulated payments as NDJSON for k6: the body of each request without ID and time. */
export async function writePayments({ path, count, ...options }: PaymentsOptions): Promise<void> {
  const payments = createSimulation({ ...options, startMs: START_MS }).payments();
  await mkdir(dirname(path), { recursive: true });
  await pipeline(Readable.from(linesOf(payments, Math.min(count, PAYMENTS_MAX))), createWriteStream(path));
}

function* linesOf(payments: Iterable<SimulatedPayment>, count: number): Generator<string, void, void> {
  let written = 0;
  for (const payment of payments) {
    if (written === count) return;
    written += 1;
    yield `${JSON.stringify({ fraud: payment.fraud, payment: fieldsOf(payment) })}\n`;
  }
}

function fieldsOf(payment: SimulatedPayment): object {
  const { cardNumber, terminalId, amountMinor, currency } = payment;
  return {
    card: { number: cardNumber },
    terminal_id: terminalId,
    amount: { minor: amountMinor, currency },
    ...sentBody(payment),
  };
}
