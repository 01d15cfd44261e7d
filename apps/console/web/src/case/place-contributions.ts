import type { Contribution } from "#contract/decisions";

/** One step of the waterfall: its start and end, from 0 to 1 of the width. */
export interface Step {
  readonly contribution: Contribution;
  readonly from: number;
  readonly size: number;
}

export interface Waterfall {
  readonly steps: readonly Step[];
  /** The remaining contributions, combined into one step; undefined if all are shown separately. */
  readonly rest:
    | { readonly count: number; readonly logOdds: number; readonly from: number; readonly size: number }
    | undefined;
  readonly sumLogOdds: number;
  /** The positions of the average payment and of this one. */
  readonly baseAt: number;
  readonly sumAt: number;
}

/**
 * Lays out contributions as a waterfall from the average payment to this one.
 *
 * @param baseLogOdds log odds of the average payment
 * @param contributions largest first
 * @param shownMax number of separate steps; all further ones are combined
 */
export function placeContributions(
  baseLogOdds: number,
  contributions: readonly Contribution[],
  shownMax: number,
): Waterfall {
  const shown = contributions.slice(0, shownMax);
  const hidden = contributions.slice(shownMax);
  const sizes = [...shown.map(({ logOdds }) => logOdds), hidden.reduce((sum, { logOdds }) => sum + logOdds, 0)];
  const ends = [baseLogOdds];
  for (const size of sizes) ends.push((ends.at(-1) ?? 0) + size);
  const low = Math.min(...ends);
  const range = Math.max(...ends) - low || 1;
  const at = (logOdds: number): number => (logOdds - low) / range;
  const place = (index: number) => {
    const start = at(ends[index] ?? 0);
    const end = at(ends[index + 1] ?? 0);
    return { from: Math.min(start, end), size: Math.abs(end - start) };
  };
  return {
    steps: shown.map((contribution, index) => ({ contribution, ...place(index) })),
    rest:
      hidden.length === 0 ? undefined : { count: hidden.length, logOdds: sizes.at(-1) ?? 0, ...place(shown.length) },
    sumLogOdds: ends.at(-1) ?? baseLogOdds,
    baseAt: at(baseLogOdds),
    sumAt: at(ends.at(-1) ?? 0),
  };
}
