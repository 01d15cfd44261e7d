import type { PaymentUpdate } from "@tripline/client";
import type { SimulatedPayment } from "@tripline/simulator/simulated-payment";
import type { BenchContext } from "../harness/bench-context.js";
import { BenchError } from "../harness/bench-error.js";
import type { BenchPart, PartOutcome } from "../harness/run-benchmark.js";
import type { Contestant } from "../harness/run-contestants.js";
import { ratioOf } from "../harness/run-contestants.js";
import type { PaymentStream, RequestSource } from "./arrivals/payment-stream.js";
import { startWarm, warmUp } from "./bench-load.js";
import { closedContestant } from "./closed-contestant.js";
import type { BenchSystem } from "./system/read-services.js";

const ROUNDS = 12;
/** Number of updates per request. */
const BATCH = 200;
/** Time from a payment to its update, in ms. */
const UPDATED_AFTER_MS = 900;
const UPDATES_MS_MAX = 60_000;

/** The cost of more payment fields, and of one payment update per payment. */
export const fieldsPart: BenchPart = {
  name: "fields",
  title: "ten more fields per payment, and one payment update per payment, each compared with plain payments",
  onlyWhenNamed: true,
  sharesSystem: true,
  line: ["fields_cpu_ratio", "fields_p50_ratio", "updates_cpu_ratio", "updates_p50_ratio"],
  run: runFields,
};

async function runFields(context: BenchContext): Promise<PartOutcome> {
  const isShort = context.flags.short === true;
  const { system, stream } = await startWarm(context);
  const tenFields: RequestSource = { take: (count) => stream.take(count, addFields) };
  // A payer with an account is a new data subject. Without this, a third of these payments would need a new data key.
  await warmUp(context, system, tenFields);
  const contestantOf = (name: string, source: RequestSource) =>
    closedContestant({ name, ...system, stream: source, isShort });
  const contestants = [
    contestantOf("plain", stream),
    contestantOf("ten fields", tenFields),
    updatedContestant(system, stream, (source) => contestantOf("updates", source)),
  ];
  const measured = await context.measure(contestants, {
    roundsDefault: isShort ? 1 : ROUNDS,
    // No payments precede the first round of updates.
    warmUpRounds: 1,
  });
  const ratio = (figure: string, name: string) => ratioOf(measured, figure, name, "plain");
  return {
    contestants: measured,
    summary: {
      fields_cpu_ratio: ratio("cpu_us_per_op", "ten fields"),
      fields_p50_ratio: ratio("p50_ms", "ten fields"),
      updates_cpu_ratio: ratio("cpu_us_per_op", "updates"),
      updates_p50_ratio: ratio("p50_ms", "updates"),
    },
    notes: [
      "Every ratio is relative to plain payments, round by round, on the same system in a closed loop.",
      "updates: while payments are sent, the issuer's responses to the previous round's payments arrive in batches.",
    ],
  };
}

/** Ten optional fields, one of which becomes a token. */
function addFields(payment: SimulatedPayment): SimulatedPayment {
  return {
    ...payment,
    merchantId: `m-${payment.terminalId}`,
    mcc: "5411",
    channel: "ecommerce",
    entryMode: "keyed",
    initiator: "customer",
    cardFunding: "credit",
    cardBrand: "visa",
    accountId: `account-${payment.cardNumber.slice(-6)}`,
    accountAgeDays: 400,
    billingCountry: "BE",
  };
}

/** A contestant that also sends the issuer's responses to the payments of its previous round. */
function updatedContestant(
  system: BenchSystem,
  stream: PaymentStream,
  contestantOf: (source: RequestSource) => Contestant,
): Contestant {
  let due: readonly PaymentUpdate[] = [];
  let taken: readonly PaymentUpdate[] = [];
  const contestant = contestantOf({
    take(count) {
      const payments: SimulatedPayment[] = [];
      const requests = stream.take(count, (payment) => {
        payments.push(payment);
        return payment;
      });
      due = taken;
      taken = payments.map((payment, index) => answerTo(payment, requests[index]?.transactionId ?? ""));
      return requests;
    },
  });
  return {
    ...contestant,
    async run() {
      const [round] = await Promise.all([contestant.run(), sendUpdates(system, due)]);
      return round;
    },
  };
}

function answerTo({ cardNumber, occurredAtMs }: SimulatedPayment, transactionId: string): PaymentUpdate {
  return {
    transaction_id: transactionId,
    update_id: "issuer",
    card: { number: cardNumber },
    kind: "authorised",
    issuer_code: "00",
    occurred_at: new Date(occurredAtMs + UPDATED_AFTER_MS).toISOString(),
  };
}

/** @throws BenchError if an update is not accepted */
async function sendUpdates({ port, authorization }: BenchSystem, updates: readonly PaymentUpdate[]): Promise<void> {
  for (let from = 0; from < updates.length; from += BATCH) {
    const batch = updates.slice(from, from + BATCH);
    const response = await fetch(`http://127.0.0.1:${port}/v1/payment-updates/batch`, {
      method: "POST",
      headers: { authorization, "content-type": "application/x-ndjson" },
      body: batch.map((update) => JSON.stringify(update)).join("\n"),
      signal: AbortSignal.timeout(UPDATES_MS_MAX),
    });
    const lines = (await response.text()).split("\n");
    const wrong = lines.find((line) => line !== "" && !line.includes('"status":202'));
    if (!response.ok || wrong !== undefined) throw new BenchError(`An update was not accepted: ${wrong ?? lines[0]}`);
  }
}
