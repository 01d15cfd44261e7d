import type { LoadSettings } from "../src/load/load-settings.ts";
import type { Stage } from "../src/load/scenarios.ts";

/** k6's thresholds for each phase with limits, and for events that must never happen during the whole run. */
export function thresholdsOf(settings: LoadSettings, stages: readonly Stage[]): Record<string, string[]> {
  const { p99Ms, errorsPercent, degradedPercent } = settings;
  const errors = [`rate<=${errorsPercent / 100}`];
  const degraded = [`rate<=${degradedPercent / 100}`];
  const phases = new Set(stages.filter(({ isLimited }) => isLimited).map(({ phase }) => phase));
  const perPhase = [...phases].flatMap((phase) => [
    [`decision_latency{phase:${phase}}`, [`p(99)<=${p99Ms}`]],
    [`payments_failed{phase:${phase}}`, errors],
    [`payments_refused{phase:${phase}}`, errors],
    [`labels_failed{phase:${phase}}`, errors],
    [`decisions_undecided{phase:${phase}}`, degraded],
    [`decisions_degraded{phase:${phase}}`, degraded],
  ]);
  return Object.fromEntries([
    ...perPhase,
    ["decisions_lost", ["count==0"]],
    ["retries_differing", ["count==0"]],
    ["bad_input_accepted", ["count==0"]],
  ]);
}
