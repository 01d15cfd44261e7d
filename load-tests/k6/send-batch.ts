import type { Iteration } from "./iteration.ts";
import { paymentOf, transactionIdOf } from "./iteration.ts";
import * as metrics from "./load-metrics.ts";
import type { LineAnswer } from "./read-answer.ts";
import { readLines } from "./read-answer.ts";
import { bodyOf } from "./read-payments.ts";
import { isAccepted, isRefusal, send, waitedMs } from "./send-request.ts";
import { paymentLine, writeTranscript } from "./write-transcript.ts";

const CONTENT_TYPE = "application/x-ndjson";
/** Statuses of a line that mean a temporary rejection. */
const REFUSALS = [429, 503];

/** Sends many payments as lines of one request, which waits for all of their decisions. */
export function sendBatch(iteration: Iteration): void {
  const { settings, number, startMs, tags, latenessMs } = iteration;
  const sentAtMs = Date.now();
  const numbers = Array.from({ length: settings.lines }, (_value, line) => number + line);
  const lines = numbers.map((each) => bodyOf(paymentOf(iteration, each), transactionIdOf(iteration, each), sentAtMs));
  const answer = send(iteration, {
    path: "/v1/transactions/batch",
    body: lines.join("\n"),
    wait: true,
    contentType: CONTENT_TYPE,
  });
  const latencyMs = waitedMs(answer);
  const answers = answer.status === 200 ? readLines(answer.body) : new Map<number, LineAnswer>();
  // If the whole batch was rejected, so was each line. A line that is missing from a successful response has no result.
  const whole = { status: answer.status === 200 ? 0 : answer.status, decided: undefined };
  const results = numbers.map((_number, line) => answers.get(line) ?? whole);
  metrics.paymentsSent.add(numbers.length, tags);
  if (results.some(({ decided }) => decided !== undefined)) metrics.decisionLatency.add(latencyMs, tags);
  for (const { status, decided } of results) {
    const refused = isRefusal(answer) || (answer.status === 200 && REFUSALS.includes(status));
    metrics.paymentsRefused.add(refused, tags);
    metrics.paymentsFailed.add(!refused && !isAccepted(status), tags);
    if (isAccepted(status)) metrics.decisionsUndecided.add(decided === undefined, tags);
    if (decided !== undefined) metrics.decisionsDegraded.add(decided.rung !== "model", tags);
  }
  const atMs = sentAtMs - startMs;
  const seen = results.map(({ status, decided }, line) =>
    paymentLine({ number: number + line, atMs, latenessMs, latencyMs, status, decided }),
  );
  writeTranscript(seen.join("\n"));
}
