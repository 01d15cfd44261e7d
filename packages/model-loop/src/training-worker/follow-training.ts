import { setTimeout as delay } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import type { Kafka } from "@tripline/kafka/port";
import { openStore } from "@tripline/object-store/open-store";
import type { RolloutClient, RolloutRequest } from "@tripline/system/client/rollout-client";
import type { CommandOutput } from "@tripline/system/command-output";
import type { Logger } from "@tripline/telemetry/logger";
import { counter, gauge } from "@tripline/telemetry/metrics";
import { DAY_MS, judgeDay, sendDrift } from "../drift/judge-day.js";
import type { RetrainOptions } from "../retraining/retrain.js";
import { retrain } from "../retraining/retrain.js";
import { newestPaymentMs } from "../retraining/retrain-dataset.js";
import { followDrift } from "./follow-drift.js";
import { LeadingRollout } from "./lead-rollout.js";
import { LoopState } from "./loop-state.js";
import type { LoopReport } from "./report-loop.js";
import { reportLoop } from "./report-loop.js";
import type { LoopTimes } from "./training-loop.js";
import { TrainingLoop } from "./training-loop.js";

export interface FollowOptions {
  readonly retrain: Omit<RetrainOptions, "cutoffMs" | "output" | "signal">;
  readonly kafka: Kafka;
  /** Undefined if challengers are rolled out manually. */
  readonly rollouts?: Pick<RolloutClient, "start" | "status">;
  /** The parts of a rollout's plan that differ from the control plane's defaults. */
  readonly rolloutPlan: Partial<RolloutRequest>;
  readonly times: LoopTimes;
  /** Pause between two checks of the lake. */
  readonly lookMs: number;
  /** Receives the worker's status after each check. An error is logged, and the next check reports again. */
  report?(facts: LoopReport): Promise<void>;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

const MS_PER_S = 1_000;

/** A running training worker. */
export interface FollowedTraining {
  /** The current failure; undefined if there is none. */
  fault(): string | undefined;
  /** Number of successful checks of the lake. */
  turns(): number;
  /** Resolves after the signal. Interrupted work resumes from its checkpoints. */
  readonly ended: Promise<void>;
}

/**
 * Follows drift and the lake until the signal. If a turn fails, it is retried at the next check.
 *
 * @throws TriplineError if the stored state cannot be read
 */
export async function followTraining(options: FollowOptions): Promise<FollowedTraining> {
  const { kafka, logger, retrain: asked, signal } = options;
  const store = await openStore(asked.checkpoints ?? pathToFileURL(asked.work).href);
  const state = await LoopState.open(store);
  const loop = makeLoop(options, state);
  let stopped: TriplineError | undefined;
  const consumer = await followDrift({
    kafka,
    model: asked.model,
    onDrift: (events) => loop.receive(events),
    onStop: (error) => {
      stopped = error;
      logger.error({ code: error.code }, `drift events are no longer consumed: ${error.message}`);
    },
  });
  let failure: string | undefined;
  let count = 0;
  const ended = turns(options, state, loop, (sentence) => {
    failure = sentence;
    if (sentence === undefined) count += 1;
    return report(options, state, sentence);
  }).finally(() => consumer.close());
  const silent = () => (consumer.isHealthy() ? undefined : "it is not an active member of its consumer group");
  return {
    ended,
    turns: () => count,
    fault: () => stopped?.message ?? failure ?? (signal.aborted ? "it is shutting down" : silent()),
  };
}

async function report(
  { report, retrain: { model }, times, logger }: FollowOptions,
  state: LoopState,
  failure: string | undefined,
): Promise<void> {
  try {
    await report?.(reportLoop(model, state.current, times, failure));
  } catch (error) {
    logger.warn({ err: error }, "the training status could not be reported to the control plane");
  }
}

async function turns(
  { lookMs, signal, logger }: FollowOptions,
  state: LoopState,
  loop: TrainingLoop,
  onEnd: (failure: string | undefined) => Promise<void>,
): Promise<void> {
  const failures = counter("tripline_training_failures_total", {
    description: "Failed runs of the training worker",
  });
  failures.inc(0);
  let turnedAtMs = Date.now();
  const readings = [
    gauge(
      "tripline_training_turn_timestamp_seconds",
      { description: "Time at which the training worker last completed a run" },
      () => turnedAtMs / MS_PER_S,
    ),
    gauge(
      "tripline_training_drift_open",
      { description: "1 if a drift is open, which means that no model has been promoted since" },
      () => Number(state.current.alarm !== null),
    ),
    gauge(
      "tripline_training_drift_open_seconds",
      { description: "Age of the newest open drift in payment time; 0 if none is open" },
      () => openSeconds(state),
    ),
  ];
  while (!signal.aborted) {
    try {
      await loop.turn();
      turnedAtMs = Date.now();
      await onEnd(undefined);
    } catch (error) {
      if (signal.aborted) break;
      failures.inc();
      const { code, message } = asTriplineError(error);
      // For other errors, the whole text, because Python's last lines contain the reason.
      const text = error instanceof TriplineError ? message : String(error);
      logger.error({ code }, `retrying in ${lookMs / MS_PER_S} s: ${text}`);
      await onEnd(text);
    }
    await delay(lookMs, undefined, { signal }).catch(() => undefined);
  }
  for (const end of readings) end();
}

function openSeconds(state: LoopState): number {
  const { alarm, judgedDay } = state.current;
  const days = alarm === null ? 0 : Math.max(0, (judgedDay ?? alarm.day) - alarm.day);
  return (days * DAY_MS) / MS_PER_S;
}

function makeLoop(options: FollowOptions, state: LoopState): TrainingLoop {
  const { retrain: asked, kafka, rollouts, rolloutPlan: plan, times, logger, signal } = options;
  const { lake, model, registryUrl, tenant: name, labelsBy } = asked;
  const tenant = name === undefined ? {} : { tenant: name };
  const output = linesTo(logger);
  return new TrainingLoop({
    state,
    logger,
    times,
    newestPaymentMs: () =>
      newestPaymentMs({ lake, ...tenant }).catch((error: unknown) => {
        if (error instanceof TriplineError && error.code === "not-found") return undefined;
        throw error;
      }),
    judge: (day) => judgeDay({ lake, model, registryUrl, labelsBy, ...tenant, output }, day),
    send: (events) => sendDrift(kafka, events),
    retrain: (cutoffMs, driftMs) =>
      retrain({ ...asked, cutoffMs, output, signal, ...(driftMs === undefined ? {} : { driftMs }) }),
    ...(rollouts === undefined ? {} : { rollout: new LeadingRollout({ state, model, rollouts, plan, logger }) }),
  });
}

/** A retraining's output, as log lines. */
function linesTo(logger: Logger): CommandOutput {
  return {
    write(text) {
      for (const line of text.split("\n")) if (line !== "") logger.info(line);
    },
  };
}
