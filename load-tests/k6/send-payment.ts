import { sleep } from "k6";
import type { Iteration } from "./iteration.ts";
import { paymentOf, transactionIdOf } from "./iteration.ts";
import * as metrics from "./load-metrics.ts";
import type { Decided } from "./read-answer.ts";
import { readDecision } from "./read-answer.ts";
import { bodyOf } from "./read-payments.ts";
import type { Answer } from "./send-request.ts";
import { fetchDecision, isAccepted, isRefusal, send, sendTwice, waitedMs } from "./send-request.ts";
import { labelLine, paymentLine, retryLine, writeTranscript } from "./write-transcript.ts";

const PATH = "/v1/transactions";
const POLL_SECONDS = 0.05;
/** After this time, an accepted payment without a decision counts as lost for its caller. */
const POLLS_MAX = 400;

/** Sends a payment that waits for its decision. */
export function sendSync(iteration: Iteration): void {
  const sent = begin(iteration);
  settle(iteration, sent, send(iteration, { path: PATH, body: sent.body, wait: true }), true);
}

/** Sends a payment that does not wait, and fetches its decision until it exists. */
export function sendAsync(iteration: Iteration): void {
  const sent = begin(iteration);
  const answer = send(iteration, { path: PATH, body: sent.body, wait: false });
  const location = answer.headers.Location;
  if (answer.status !== 202 || location === undefined) {
    settle(iteration, sent, answer, false);
    return;
  }
  const decided = poll(iteration, location);
  if (decided === undefined) metrics.decisionsLost.add(1, iteration.tags);
  record(iteration, sent, { answer, decided, latencyMs: Date.now() - sent.sentAtMs });
}

function poll(iteration: Iteration, location: string): Decided | undefined {
  for (let attempt = 0; attempt < POLLS_MAX; attempt += 1) {
    sleep(POLL_SECONDS);
    const answer = fetchDecision(iteration, location);
    if (answer.status === 200) return readDecision(answer.body);
    if (answer.status === 404) return undefined;
  }
  return undefined;
}

/** Sends a payment twice: concurrently, as after a broken connection, or again after its decision. */
export function sendRetry(iteration: Iteration): void {
  const sent = begin(iteration);
  const options = { path: PATH, body: sent.body, wait: true };
  const isParallel = iteration.number % 2 === 0;
  const [first, second] = isParallel ? sendTwice(iteration, options) : inTurn(iteration, options);
  const counted = isAccepted(first.status) ? first : second;
  settle(iteration, sent, counted, true);
  const decisions = [first, second].filter(({ status }) => status === 200).map(({ body }) => readDecision(body));
  const isSame = decisions.every((decided) => JSON.stringify(decided) === JSON.stringify(decisions[0]));
  if (!isSame) metrics.retriesDiffering.add(1, iteration.tags);
  writeTranscript(retryLine(iteration.number, second.status, isSame));
}

function inTurn(iteration: Iteration, options: Parameters<typeof send>[1]): [Answer, Answer] {
  const first = send(iteration, options);
  return [first, send(iteration, options)];
}

/** Sends a payment and, after its decision, its label. */
export function sendLabelled(iteration: Iteration): void {
  const sent = begin(iteration);
  settle(iteration, sent, send(iteration, { path: PATH, body: sent.body, wait: true }), true);
  const { fraud, payment } = paymentOf(iteration, iteration.number);
  const label = {
    transaction_id: transactionIdOf(iteration, iteration.number),
    card: payment.card,
    terminal_id: payment.terminal_id,
    occurred_at: new Date(sent.sentAtMs).toISOString(),
    fraud,
    source: fraud ? "chargeback" : "no-dispute",
  };
  const answer = send(iteration, { path: "/v1/labels", body: JSON.stringify(label), wait: true });
  metrics.labelsFailed.add(!isAccepted(answer.status), iteration.tags);
  writeTranscript(labelLine(iteration.number, answer.status));
}

interface Sent {
  readonly body: string;
  /** Start of the request, in milliseconds since the epoch. */
  readonly sentAtMs: number;
}

function begin(iteration: Iteration): Sent {
  const sentAtMs = Date.now();
  const id = transactionIdOf(iteration, iteration.number);
  return { sentAtMs, body: bodyOf(paymentOf(iteration, iteration.number), id, sentAtMs) };
}

/** Uses the decision in the response to the payment itself. */
function settle(iteration: Iteration, sent: Sent, answer: Answer, waited: boolean): void {
  const decided = answer.status === 200 ? readDecision(answer.body) : undefined;
  if (waited && isAccepted(answer.status)) metrics.decisionsUndecided.add(decided === undefined, iteration.tags);
  record(iteration, sent, { answer, decided, latencyMs: waitedMs(answer) });
}

interface Outcome {
  readonly answer: Answer;
  readonly decided: Decided | undefined;
  readonly latencyMs: number;
}

function record(iteration: Iteration, { sentAtMs }: Sent, { answer, decided, latencyMs }: Outcome): void {
  const { tags, number, latenessMs, startMs } = iteration;
  const refused = isRefusal(answer);
  metrics.paymentsSent.add(1, tags);
  metrics.paymentsRefused.add(refused, tags);
  metrics.paymentsFailed.add(!refused && !isAccepted(answer.status), tags);
  if (decided !== undefined) {
    metrics.decisionLatency.add(latencyMs, tags);
    metrics.decisionsDegraded.add(decided.rung !== "model", tags);
  }
  const atMs = sentAtMs - startMs;
  writeTranscript(paymentLine({ number, atMs, latenessMs, latencyMs, status: answer.status, decided }));
}
