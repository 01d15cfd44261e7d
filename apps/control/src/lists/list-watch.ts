import type { MixGuard } from "@tripline/decision-engine/policy";
import type { OutcomeMix } from "@tripline/decision-engine/rollouts/judge-trial";
import { outcomeMixOf } from "@tripline/decision-engine/rollouts/judge-trial";
import { z } from "zod";
import type { SeenDecision } from "../policies/seen-decisions.js";

const MS_PER_S = 1_000;

const watchSchema = z.object({
  guard: z.object({ watchSeconds: z.number(), cardsMin: z.number(), outcomePointsMax: z.number() }),
  /** End of the baseline: decisions in the guard's period before this time. */
  comparedToMs: z.number(),
  /** The baseline outcomes, from the instance that saw the most cards. */
  before: z.object({ cards: z.number(), shares: z.array(z.number()).readonly() }).nullable(),
});

/** State of a watch on list entries. It is stored, so that it survives the instance that started it. */
export type ListWatch = z.infer<typeof watchSchema>;

export function readListWatch(stored: unknown): ListWatch | undefined {
  return watchSchema.safeParse(stored).data;
}

/** @param inherited watch on earlier entries that is open or found a breach; its baseline excludes their outcomes */
export function beginListWatch(beganAtMs: number, inherited: ListWatch | undefined, guard: MixGuard): ListWatch {
  const hasBaseline = inherited?.before != null && inherited.before.cards >= inherited.guard.cardsMin;
  return hasBaseline ? inherited : { guard, comparedToMs: beganAtMs, before: null };
}

/** The outcomes of a tenant before and after entries were added. */
export function mixesAround(
  seen: Iterable<SeenDecision>,
  beganAtMs: number,
  { guard, comparedToMs, before: stored }: ListWatch,
): { readonly before: OutcomeMix; readonly after: OutcomeMix } {
  const fromMs = comparedToMs - guard.watchSeconds * MS_PER_S;
  const [before, after]: [SeenDecision[], SeenDecision[]] = [[], []];
  for (const one of seen) {
    if (one.decidedAtMs >= beganAtMs) after.push(one);
    else if (one.decidedAtMs >= fromMs && one.decidedAtMs < comparedToMs) before.push(one);
  }
  const found = outcomeMixOf(before);
  return { before: stored !== null && stored.cards >= found.cards ? stored : found, after: outcomeMixOf(after) };
}
