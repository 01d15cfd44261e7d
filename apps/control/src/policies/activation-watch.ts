import type { MixGuard } from "@tripline/decision-engine/policy";
import type { OutcomeMix } from "@tripline/decision-engine/rollouts/judge-trial";
import { outcomeMixOf } from "@tripline/decision-engine/rollouts/judge-trial";
import { z } from "zod";
import type { SeenDecision } from "./seen-decisions.js";

const MS_PER_S = 1_000;
/** Maximum age of a baseline that a watch inherits from an open watch. */
const INHERITED_MS_MAX = 86_400_000;
const LEFT_OUT_MAX = 300;

const watchSchema = z.object({
  guard: z.object({ watchSeconds: z.number(), cardsMin: z.number(), outcomePointsMax: z.number() }),
  /** End of the baseline: decisions in the guard's period before this time. */
  comparedToMs: z.number(),
  /** Decisions from this time on are judged. */
  judgedFromMs: z.number(),
  /** Version of the previous policy; null if the tenant had none of its own. */
  versionBefore: z.string().nullable(),
  /** Versions that were rolled back. Their decisions are not part of the baseline. */
  leftOut: z.array(z.string()).max(LEFT_OUT_MAX),
  /** The baseline outcomes, from the instance that saw the most cards. */
  before: z.object({ cards: z.number(), shares: z.array(z.number()).readonly() }).nullable(),
});

/** State of a watch on an activation. It is stored, so that it survives the instance that started it. */
export type ActivationWatch = z.infer<typeof watchSchema>;

/** Start of a watch: an activation that took effect. */
export interface WatchSource {
  readonly activation: number;
  readonly sha256: string | null;
  readonly version: string | null;
  readonly kind: string | null;
  readonly activatesAtMs: number;
  readonly isWatched: boolean;
  readonly stoodAtMs: number | null;
  readonly watch: unknown;
}

export function readWatch(stored: unknown): ActivationWatch | undefined {
  return watchSchema.safeParse(stored).data;
}

/**
 * The watch on an activation. A return to a policy with an open watch continues that watch. A policy that replaces such
 * a policy inherits its baseline, so that an unjudged policy never becomes the baseline.
 *
 * @param past activations that took effect, oldest first; the last is the one to watch
 * @param guard the guard of the previous policy
 */
export function beginWatch(past: readonly WatchSource[], guard: MixGuard): ActivationWatch | undefined {
  const now = past.at(-1);
  if (now === undefined) return undefined;
  const before = past.at(-2);
  const same = past.findLast(({ activation, sha256 }) => activation < now.activation && sha256 === now.sha256);
  if (now.kind === "return" && same !== undefined && isOpen(same)) {
    const watch = readWatch(same.watch);
    if (watch !== undefined) return watch;
  }
  const open = before !== undefined && isOpen(before) ? readWatch(before.watch) : undefined;
  // An open watch without enough cards in its baseline has nothing to inherit.
  const isStandard = open?.before != null && open.before.cards >= open.guard.cardsMin;
  if (open !== undefined && isStandard && now.activatesAtMs - open.comparedToMs < INHERITED_MS_MAX) {
    return { ...open, judgedFromMs: now.activatesAtMs };
  }
  return {
    guard,
    comparedToMs: now.activatesAtMs,
    judgedFromMs: now.activatesAtMs,
    versionBefore: before?.version ?? null,
    leftOut: rolledBackVersions(past).filter((version) => version !== before?.version),
    before: null,
  };
}

const isOpen = ({ isWatched, stoodAtMs }: WatchSource): boolean => isWatched && stoodAtMs === null;

/** Versions that were rolled back. */
function rolledBackVersions(past: readonly WatchSource[]): string[] {
  const versions = past.flatMap(({ version }, index) => {
    const next = past[index + 1];
    return version !== null && next?.kind === "return" && next.version !== version ? [version] : [];
  });
  return [...new Set(versions)].slice(-LEFT_OUT_MAX);
}

/** Identifies the decisions of the policy that is judged. */
export interface Judged {
  /** Empty for all tenants without their own policy. */
  readonly tenant: string;
  /** Null if the tenant has no policy of its own. */
  readonly revision: number | null;
  readonly version: string | null;
}

/** The outcomes before and after an activation. */
export function mixesOf(
  seen: Iterable<SeenDecision>,
  { tenant, revision, version }: Judged,
  { guard, comparedToMs, judgedFromMs, versionBefore, leftOut, before: stored }: ActivationWatch,
): { readonly before: OutcomeMix; readonly after: OutcomeMix } {
  const fromMs = comparedToMs - guard.watchSeconds * MS_PER_S;
  const isAfter = (one: SeenDecision): boolean => {
    if (one.decidedAtMs < judgedFromMs) return false;
    if (revision !== null) return one.policyVersion === version && one.policyRevision === revision;
    return tenant === "" ? one.policyRevision === 0 : one.policyVersion !== versionBefore;
  };
  const isBefore = (one: SeenDecision): boolean => {
    if (one.decidedAtMs < fromMs || one.decidedAtMs >= comparedToMs || leftOut.includes(one.policyVersion))
      return false;
    if (tenant !== "") return true;
    return versionBefore === null ? one.policyRevision === 0 : one.policyVersion === versionBefore;
  };
  const [before, after]: [SeenDecision[], SeenDecision[]] = [[], []];
  for (const one of seen) {
    if (isAfter(one)) after.push(one);
    else if (isBefore(one)) before.push(one);
  }
  const found = outcomeMixOf(before);
  // Use the baseline with more cards. The stored one may be from another instance, or from before a restart.
  return { before: stored !== null && stored.cards >= found.cards ? stored : found, after: outcomeMixOf(after) };
}
