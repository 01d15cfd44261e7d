import { dateOf } from "../drift/judge-day.js";
import type { LoopFacts } from "./loop-state.js";
import type { LoopTimes } from "./training-loop.js";

const TEXT_CHARACTERS_MAX = 1_000;

/** A training worker's status, in the format of the control plane (`PUT /v1/jobs/training`). Days are UTC. */
export interface LoopReport {
  readonly model: string;
  readonly drift: { readonly day: string; readonly sentence: string } | null;
  readonly judged_to: string | null;
  readonly last_retraining: string | null;
  readonly next_retraining: string | null;
  readonly challenger: { readonly version: string; readonly why: string; readonly stage: string | null } | null;
  readonly failure: string | null;
}

/** @param failure why the last turn failed; undefined if it succeeded */
export function reportLoop(
  model: string,
  { alarm, judgedDay, triedDay, firstDay, challenger }: LoopFacts,
  { everyDays, retryDays }: Pick<LoopTimes, "everyDays" | "retryDays">,
  failure: string | undefined,
): LoopReport {
  const date = (day: number | null): string | null => (day === null ? null : dateOf(day));
  const text = (of: string): string => of.slice(0, TEXT_CHARACTERS_MAX);
  const from = triedDay ?? firstDay;
  const bySchedule = from === null ? null : from + everyDays;
  const afterDrift = alarm === null ? null : triedDay === null ? alarm.day : triedDay + retryDays;
  // No retraining while a challenger is being rolled out.
  const next = challenger === null ? (afterDrift ?? bySchedule) : null;
  return {
    model,
    drift: alarm === null ? null : { day: dateOf(alarm.day), sentence: text(alarm.sentence) },
    judged_to: date(judgedDay),
    last_retraining: date(triedDay),
    next_retraining: date(next),
    challenger:
      challenger === null ? null : { version: challenger.version, why: text(challenger.why), stage: challenger.stage },
    failure: failure === undefined ? null : text(failure),
  };
}
