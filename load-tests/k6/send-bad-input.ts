import type { Iteration } from "./iteration.ts";
import { paymentOf, transactionIdOf } from "./iteration.ts";
import * as metrics from "./load-metrics.ts";
import { isAccepted, send } from "./send-request.ts";
import { badInputLine, writeTranscript } from "./write-transcript.ts";

const TOO_LONG_CHARACTERS = 20_000;
const HOUR_MS = 3_600_000;

type Body = Readonly<Record<string, unknown>>;

/** Request bodies with mistakes that real callers make. */
const FAULTS: readonly ((body: Body) => string)[] = [
  (body) => JSON.stringify(body).slice(0, -1),
  (body) => JSON.stringify({ ...body, card: { number: "4111111111111112" } }),
  (body) => JSON.stringify({ ...body, amount: { minor: -1, currency: "EUR" } }),
  (body) => JSON.stringify({ ...body, amount: undefined }),
  (body) => JSON.stringify({ ...body, occurred_at: new Date(Date.now() + HOUR_MS).toISOString() }),
  (body) => JSON.stringify({ ...body, unknown_field: true }),
  (body) => JSON.stringify({ ...body, terminal_id: "t".repeat(TOO_LONG_CHARACTERS) }),
];

/** A payment that must not be accepted. */
export function sendBadInput(iteration: Iteration): void {
  const { number, tags } = iteration;
  const { payment } = paymentOf(iteration, number);
  const body = {
    transaction_id: `${transactionIdOf(iteration, number)}-bad`,
    occurred_at: new Date().toISOString(),
    ...payment,
  };
  const fault = FAULTS[Math.floor(number / 100) % FAULTS.length] ?? JSON.stringify;
  const answer = send(iteration, { path: "/v1/transactions", body: fault(body), wait: true });
  if (isAccepted(answer.status)) metrics.badInputAccepted.add(1, tags);
  writeTranscript(badInputLine(number, answer.status));
}
