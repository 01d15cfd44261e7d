/**
 * Runs one scenario of `load-tests/src/load/scenarios.ts` against a running Tripline. `npm run load` starts it; or: `k6
 * run -e TRIPLINE_SCENARIO=steady -e TRIPLINE_PAYMENTS=… load-tests/k6/run-scenario.ts`, see docs/load.md.
 */
import exec from "k6/execution";
import http from "k6/http";
import type { Options } from "k6/options";
import { settingsFromEnvironment } from "../src/load/load-settings.ts";
import type { Kind } from "../src/load/scenarios.ts";
import { dueMs, kindOf, numbersPerIteration, paymentsPerIteration, SCENARIOS, stageAt } from "../src/load/scenarios.ts";
import type { Token } from "./hold-token.ts";
import { authorization, fetchToken } from "./hold-token.ts";
import type { Iteration } from "./iteration.ts";
import { generatorLateness } from "./load-metrics.ts";
import { readPayments } from "./read-payments.ts";
import { sendBadInput } from "./send-bad-input.ts";
import { sendBatch } from "./send-batch.ts";
import { sendAsync, sendLabelled, sendRetry, sendSync } from "./send-payment.ts";
import { thresholdsOf } from "./set-limits.ts";
import { startLine, writeTranscript } from "./write-transcript.ts";

const settings = settingsFromEnvironment(__ENV);
const { mix, stages: stagesOf } = SCENARIOS[settings.scenario];
const stages = stagesOf(settings);
const perIteration = paymentsPerIteration(mix, settings.lines);
const numbers = numbersPerIteration(mix, settings.lines);
const payments = readPayments(settings.payments);

export const options: Options = {
  scenarios: {
    // An open model: iterations start on time, regardless of earlier ones.
    [settings.scenario]: {
      executor: "ramping-arrival-rate",
      // Payments per second, divided by the payments per iteration.
      timeUnit: `${perIteration}s`,
      startRate: stages[0]?.fromRate ?? 0,
      stages: stages.map(({ toRate, seconds }) => ({ target: toRate, duration: `${seconds}s` })),
      // Creates all users at the start, because k6 drops iterations that are due while it creates a user later.
      preAllocatedVUs: settings.vus,
      maxVUs: settings.vus,
      gracefulStop: "60s",
    },
  },
  thresholds: thresholdsOf(settings, stages),
  systemTags: ["name", "status", "error_code", "scenario"],
  summaryTrendStats: ["avg", "min", "med", "p(95)", "p(99)", "max"],
};

interface SetUp {
  readonly token: Token;
  /** All users have the same settings, but each user reads them separately. */
  readonly run: string;
}

export function setup(): SetUp {
  try {
    return { token: fetchToken(__ENV), run: settings.run };
  } catch (error) {
    exec.test.abort(String(error));
    throw error;
  }
}

const SENDERS: Readonly<Record<Kind, (iteration: Iteration) => void>> = {
  sync: sendSync,
  async: sendAsync,
  batch: sendBatch,
  label: sendLabelled,
  retry: sendRetry,
  bad: sendBadInput,
};

const refusals = http.expectedStatuses({ min: 400, max: 499 });
const answers = http.expectedStatuses(200, 202);

export default function iterate({ token, run }: SetUp): void {
  const { iterationInTest, startTime: startMs } = exec.scenario;
  if (iterationInTest === 0) writeTranscript(startLine(startMs));
  const elapsedMs = Date.now() - startMs;
  const phase = stageAt(stages, elapsedMs)?.phase ?? "";
  const tags = { phase };
  // k6 starts the first iteration after one full interval, not at the start.
  const latenessMs = Math.max(0, elapsedMs - dueMs(stages, (iterationInTest + 1) * perIteration));
  generatorLateness.add(latenessMs, tags);
  const kind = kindOf(mix, iterationInTest);
  http.setResponseCallback(kind === "bad" ? refusals : answers);
  SENDERS[kind]({
    settings: { ...settings, run },
    payments,
    tags,
    startMs,
    latenessMs,
    authorization: authorization(token),
    number: iterationInTest * numbers,
  });
}
