import type { ShownRollout } from "@tripline/system/client/rollout-client";

/** A rollout's status, its guards' measurements, and its history. */
export function rolloutText(rollout: ShownRollout): string {
  const { model, candidate, champion, findings, steps } = rollout;
  const seen = findings.map(({ guard, is_judged, is_breached, text, data }) => {
    const verdict = is_breached ? "BREACH" : is_judged ? "OK" : "not enough data";
    const missing = data.filter(({ count, needed }) => count < needed);
    const counts = missing.map(({ kind, count, needed }) => `${count} of ${needed} ${kind.replace("-", " ")}`);
    return `  ${guard}: ${verdict}; ${[text, ...counts].join("; ")}`;
  });
  const made = steps.map(({ at, actor, step, stage, canary_percent, why }) => {
    const where = stage === "canary" ? `canary ${canary_percent} %` : stage;
    return `  ${at}  ${actor}  ${step} -> ${where}${why === "" ? "" : `  ${why}`}`;
  });
  return [
    `${model} ${candidate} against ${champion}: ${stageText(rollout)}`,
    `money: ${moneyText(rollout)}`,
    ...(seen.length === 0 ? [] : ["guards", ...seen]),
    "steps",
    ...made,
    "",
  ].join("\n");
}

function moneyText({ offline }: ShownRollout): string {
  if (offline === undefined || offline === null) return "Not compared with the champion before the rollout.";
  return offline.money ?? "Not compared, because no costs were given.";
}

function stageText({ stage, canary_percent, shadow_percent, is_held, ...rollout }: ShownRollout): string {
  const pending = rollout.is_registry_pending === true ? ", not in the registry yet" : "";
  const held = is_held ? ", held" : "";
  if (stage === "shadow") return `shadow, scores ${shadow_percent} % of cards and decides none${held}`;
  if (stage === "canary") return `canary, decides ${canary_percent} % of cards${held}`;
  return stage === "champion" ? "the candidate is the champion" : `rolled back${pending}`;
}
