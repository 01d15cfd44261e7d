import { TriplineError } from "@tripline/contracts/error-table";
import type { DriftDetected } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { Logger } from "@tripline/telemetry/logger";
import { counter } from "@tripline/telemetry/metrics";
import { DAY_MS, dateOf } from "../drift/judge-day.js";
import type { RetrainOutcome } from "../retraining/retrain.js";
import { DATA_REFUSED, TOO_EARLY } from "../retraining/retrain.js";
import type { LeadingRollout } from "./lead-rollout.js";
import type { LoopFacts, LoopState } from "./loop-state.js";

export interface LoopTimes {
  /** Number of days of new labels after which a retraining starts without drift. */
  readonly everyDays: number;
  /** After a drift: number of days of new labels between two retrainings, until a champion resolves the drift. */
  readonly retryDays: number;
}

export interface TrainingLoopOptions {
  readonly state: LoopState;
  readonly times: LoopTimes;
  /** Event time of the newest archived payment; undefined if there is none. */
  newestPaymentMs(): Promise<number | undefined>;
  /** Tests whether a day, counted from 1970-01-01, drifted. */
  judge(day: number): Promise<readonly DriftDetected[]>;
  /** Publishes the events; this loop receives them through `receive`. */
  send(events: readonly DriftDetected[]): Promise<void>;
  /** @param driftMs time of the open drift, if any */
  retrain(cutoffMs: number, driftMs: number | undefined): Promise<RetrainOutcome>;
  /** Absent without credentials for the control plane; challengers are then rolled out manually. */
  readonly rollout?: LeadingRollout;
  readonly logger: Logger;
}

/** A day is complete once payments this much newer are archived. */
const SETTLE_MS = 3_600_000;
/** Number of days that are tested after downtime; older days are skipped. */
const DAYS_BEHIND_MAX = 31;
/** After this time, a drift is closed even without a better model. */
const ALARM_DAYS_MAX = 60;
/** For this long, the scores of a new champion differ from the baseline, which another model produced. */
const SCORES_DAYS = 29;

/**
 * Covers everything from new labels to a new champion: tests each complete day for drift, retrains after a drift and on
 * a schedule, and has better models rolled out. All its state is stored, so it may be killed between any two steps.
 */
export class TrainingLoop {
  readonly #options: TrainingLoopOptions;
  readonly #days = counter("tripline_training_days_total", {
    description: "Full days of the lake, by result of the drift check",
    labels: ["result"],
  });
  readonly #runs = counter("tripline_training_runs_total", {
    description: "Retrainings, by result",
    labels: ["result"],
  });

  constructor(options: TrainingLoopOptions) {
    this.#options = options;
  }

  /** Keeps a drift until a champion resolves it. A drift that arrives while another is unresolved joins it. */
  async receive(events: readonly DriftDetected[]): Promise<void> {
    const { state, logger } = this.#options;
    for (const { day: date, sentence, columns } of events) {
      const day = Math.floor(Date.parse(date) / DAY_MS);
      const { alarm: before, promotedDay } = state.current;
      const isNewChampion = promotedDay !== null && day - promotedDay <= SCORES_DAYS;
      if (isNewChampion && columns.every(({ kind }) => kind === "score")) {
        logger.info({ day: date }, `a score shift after a promotion does not trigger retraining: ${sentence}`);
        continue;
      }
      await state.change(({ alarm }) => {
        const firstDay = Math.min(day, firstDayOf(alarm) ?? day);
        return { alarm: { day: Math.max(day, alarm?.day ?? day), firstDay, sentence } };
      });
      const joins = before === null ? "" : `, joins that of ${dateOf(before.day)}`;
      logger.warn({ day: date }, `drift${joins}: ${sentence}`);
    }
  }

  /** Does all work that is due. @throws TriplineError or Error in one sentence; the next turn retries */
  async turn(): Promise<void> {
    const newestMs = await this.#options.newestPaymentMs();
    if (newestMs === undefined) return;
    const today = Math.floor(newestMs / DAY_MS);
    await this.#judgeDays(Math.floor((newestMs - SETTLE_MS) / DAY_MS) - 1, today);
    await this.#options.rollout?.lead(today);
    await this.#retrainIfDue(today);
    // A challenger must not wait for the next turn.
    await this.#options.rollout?.lead(today);
  }

  async #judgeDays(last: number, today: number): Promise<void> {
    const { state, judge, send, logger } = this.#options;
    if (state.current.judgedDay === null) {
      // Days before the first check are history and start nothing.
      await state.change(() => ({ judgedDay: last - 1, firstDay: today }));
    }
    const { judgedDay } = state.current;
    for (let day = Math.max((judgedDay ?? last) + 1, last - DAYS_BEHIND_MAX + 1); day <= last; day += 1) {
      let result = "unjudged";
      try {
        const events = await judge(day);
        if (events.length > 0) await send(events);
        result = events.length > 0 ? "drifted" : "usual";
        logger.info({ day: dateOf(day), result }, `daily drift check: ${result}`);
      } catch (error) {
        // The lake and Kafka recover. A day with too few payments does not change.
        if (error instanceof TriplineError && error.code !== "not-found") throw error;
        logger.warn({ day: dateOf(day) }, `daily drift check failed: ${sentenceOf(error)}`);
      }
      this.#days.inc({ result });
      await state.change(() => ({ judgedDay: day }));
    }
  }

  async #retrainIfDue(today: number): Promise<void> {
    const { state, retrain, logger, rollout } = this.#options;
    const { alarm } = state.current;
    if (alarm !== null && today - alarm.day > ALARM_DAYS_MAX) {
      logger.warn({ day: dateOf(alarm.day) }, `no better model within ${ALARM_DAYS_MAX} days after that drift`);
      await state.change(() => ({ alarm: null }));
    }
    const why = this.#dueBecause(today);
    if (why === undefined) return;
    logger.info({ cutoff: dateOf(today) }, `retraining starts: ${why}`);
    const driftDay = firstDayOf(state.current.alarm);
    const driftMs = driftDay === undefined ? undefined : driftDay * DAY_MS;
    const outcome = await retrain(today * DAY_MS, driftMs).catch((error: unknown) => {
      this.#runs.inc({ result: "failed" });
      throw error;
    });
    const { line, version, learntToMs = 0 } = outcome;
    this.#runs.inc({ result: resultOf(outcome) });
    logger[outcome.code === DATA_REFUSED ? "error" : "info"]({ cutoff: dateOf(today), version }, line);
    const learntTo = Math.floor(learntToMs / DAY_MS);
    const challenger = version === undefined ? {} : { challenger: { version, why, learntTo, stage: null } };
    await state.change(() => ({ triedDay: today, ...challenger }));
    if (version !== undefined && rollout === undefined) {
      logger.warn({ version }, "no credentials for the control plane, so the model must be rolled out manually");
      await state.change(() => ({ challenger: null, alarm: null }));
    }
  }

  #dueBecause(today: number): string | undefined {
    const { everyDays, retryDays } = this.#options.times;
    const { alarm, triedDay, firstDay, challenger } = this.#options.state.current;
    if (challenger !== null) return undefined;
    if (alarm !== null && (triedDay === null || today - triedDay >= retryDays)) {
      return `drift on ${dateOf(alarm.day)}: ${alarm.sentence}`;
    }
    const from = triedDay ?? firstDay ?? today;
    return today - from >= everyDays ? `${today - from} days of new labels since ${dateOf(from)}` : undefined;
  }
}

function firstDayOf(alarm: LoopFacts["alarm"]): number | undefined {
  return alarm?.firstDay ?? alarm?.day;
}

function resultOf({ code, version }: RetrainOutcome): string {
  if (version !== undefined) return "registered";
  if (code === DATA_REFUSED) return "refused";
  return code === TOO_EARLY ? "early" : "kept";
}

/** The last printed line of a program contains the reason. */
function sentenceOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.trimEnd().split("\n").at(-1) ?? text;
}
