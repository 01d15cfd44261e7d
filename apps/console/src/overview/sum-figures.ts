import { z } from "zod";
import type { OverviewFigures, Sum } from "../contract/overview.js";
import type { Counted, OutcomeGroup, SumColumn } from "./overview-columns.js";
import { SUM_COLUMNS } from "./overview-columns.js";

const MATURE = ["mature_payments", "mature_payments_minor", "mature_frauds", "mature_frauds_minor"] as const;
type MatureColumn = (typeof MATURE)[number];

const ofColumns = <Name extends string>(names: readonly Name[]) =>
  Object.fromEntries(names.map((name) => [name, z.number()])) as Record<Name, z.ZodNumber>;

export const overviewRow = z.object({
  currency: z.string(),
  is_previous: z.boolean(),
  /** The first day of a bucket, or the value of a dimension. */
  key: z.string(),
  ...ofColumns(SUM_COLUMNS.map(({ name }) => name)),
  ...ofColumns(MATURE),
});
export type OverviewRow = z.infer<typeof overviewRow>;

const matureSum = (name: MatureColumn): string => {
  const of = name.replace("mature_", "");
  const all = SUM_COLUMNS.filter(({ name: column }) => column.slice(column.indexOf("_") + 1) === of);
  return `coalesce(sum((${all.map(({ name: column }) => column).join(" + ")})::float8) FILTER (WHERE day < $2::date), 0) AS ${name}`;
};

/** SQL for the sums of `overviewRow`. Postgres adds up floats faster than `bigint`, exactly up to 2^53. `$2` is the first day that is too recent for a verdict; null if all are. */
export const OVERVIEW_SUMS = [
  ...SUM_COLUMNS.map(({ name }) => `sum(${name}::float8) AS ${name}`),
  ...MATURE.map(matureSum),
].join(", ");

const FLAGGED: readonly OutcomeGroup[] = ["reviewed", "declined"];
const ALL: readonly OutcomeGroup[] = ["approved", ...FLAGGED];

/** @param known whether the tenant has verdicts, and days that are old enough for one */
export function sumFigures(
  rows: readonly OverviewRow[],
  known: { readonly hasVerdicts: boolean; readonly hasMature: boolean },
): OverviewFigures {
  const total = (names: readonly (SumColumn | MatureColumn)[]): number =>
    rows.reduce((sum, row) => names.reduce((of, name) => of + row[name], sum), 0);
  const sum = (what: Counted, groups: readonly OutcomeGroup[]): Sum => ({
    count: total(groups.map((group): SumColumn => `${group}_${what}`)),
    amountMinor: total(groups.map((group): SumColumn => `${group}_${what}_minor`)),
  });
  const mature = {
    payments: { count: total(["mature_payments"]), amountMinor: total(["mature_payments_minor"]) },
    frauds: { count: total(["mature_frauds"]), amountMinor: total(["mature_frauds_minor"]) },
  };
  const verdicts = (what: Counted, groups: readonly OutcomeGroup[]): Sum | null =>
    known.hasVerdicts ? sum(what, groups) : null;
  return {
    payments: sum("payments", ALL),
    approved: sum("payments", ["approved"]),
    reviewed: sum("payments", ["reviewed"]),
    declined: sum("payments", ["declined"]),
    frauds: verdicts("frauds", ALL),
    lost: verdicts("frauds", ["approved"]),
    stopped: verdicts("frauds", FLAGGED),
    falsePositives: verdicts("genuine", FLAGGED),
    mature: known.hasMature && mature.payments.count > 0 ? mature : null,
  };
}
