import type { Bucket, Dimension } from "#contract/overview";

export const RANGES = {
  "7-days": { bucket: "day", count: 7 },
  "30-days": { bucket: "day", count: 30 },
  "12-weeks": { bucket: "week", count: 12 },
  "12-months": { bucket: "month", count: 12 },
} as const satisfies Readonly<Record<string, { bucket: Bucket; count: number }>>;
export type Range = keyof typeof RANGES;

export const RANGE_NAMES = Object.keys(RANGES) as readonly Range[];
export const DIMENSIONS: readonly Dimension[] = ["merchant", "country", "reason", "model"];

/** The part of the Overview that is stored in the URL. */
export interface OverviewSearch {
  readonly range?: Range;
  readonly by?: Dimension;
}

/** Unknown parameters are ignored, so that old URLs still work. */
export function readOverviewSearch({ range, by }: Record<string, unknown>): OverviewSearch {
  const [known, dimension] = [RANGE_NAMES.find((one) => one === range), DIMENSIONS.find((one) => one === by)];
  return { ...(known === undefined ? {} : { range: known }), ...(dimension === undefined ? {} : { by: dimension }) };
}
