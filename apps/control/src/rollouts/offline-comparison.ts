import { z } from "zod";

/** The result of comparing a candidate with the champion on labelled payments, before the rollout. */
export const offlineComparison = z.object({
  /** The version that the candidate was compared with. */
  champion: z.string(),
  /** Whether the candidate is only as good, which is enough after a drift. */
  is_as_good: z.boolean(),
  /** Whether retraining compared the two versions. If not, an operator stored the comparison. */
  is_retrained: z.boolean().default(false),
  /** What the candidate would save, as a sentence; null if no costs were given. */
  money: z.string().nullable(),
});

export type OfflineComparison = z.infer<typeof offlineComparison>;

const compared = z.object({
  retrain: z.object({
    champion: z.string(),
    is_as_good: z.boolean().default(false),
    money: z.object({ sentence: z.string() }).nullable().default(null),
  }),
});

/** Reads the result from a manifest's metrics; undefined if the candidate was not compared with this champion. */
export function offlineOf(
  metrics: Readonly<Record<string, unknown>>,
  championVersion: string,
): OfflineComparison | undefined {
  const found = compared.safeParse(metrics).data?.retrain;
  if (found?.champion !== championVersion) return undefined;
  const { champion, is_as_good, money } = found;
  return { champion, is_as_good, is_retrained: true, money: money?.sentence ?? null };
}

/** The comparison that an operator stored for a version; undefined if it is not a comparison with this champion. */
export function byHand(
  stored: { readonly champion: string; readonly money: string | null } | undefined,
  championVersion: string,
): OfflineComparison | undefined {
  if (stored?.champion !== championVersion) return undefined;
  return { champion: stored.champion, is_as_good: false, is_retrained: false, money: stored.money };
}

/** Whether retraining registered a version, after comparing it with a champion. */
export function isRetrained(metrics: Readonly<Record<string, unknown>>): boolean {
  return compared.safeParse(metrics).success;
}
