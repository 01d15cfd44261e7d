import { sqlText } from "@tripline/lake/sql-text";
import type { ArrivedLabels } from "./arrived-labels.js";

/** Default of `sample.rowsMax`. Training needs 6.6 GB for four copies of 83 features as float32. */
export const ROWS_MAX = 5_000_000;

export interface SampleOptions {
  /** Approximate maximum number of payments to write. */
  readonly rowsMax: number;
  /**
   * `training`: frauds, genuine payments and unlabelled payments each have their own share. In addition, all labelled
   * payments of some cards are written, for comparing models. `comparison`: all payments have the same share.
   */
  readonly purpose: "training" | "comparison";
}

/** Shares of the payments to write, from 0 to 1. */
export interface Shares {
  readonly frauds: number;
  readonly genuine: number;
  readonly unlabelled: number;
  /** Share of the cards whose labelled payments are all written. */
  readonly cards: number;
}

const HASHES = 2 ** 32;

/**
 * @param payments number of payments to read; the larger it is, the smaller the shares are
 * @returns undefined if all payments are written
 */
export function sharesOf(
  { rowsMax, purpose }: SampleOptions,
  payments: number,
  { frauds, genuine }: Pick<ArrivedLabels, "frauds" | "genuine">,
): Shares | undefined {
  const unlabelled = share(rowsMax, payments);
  if (purpose === "comparison") {
    return unlabelled === 1 ? undefined : { frauds: unlabelled, genuine: unlabelled, unlabelled, cards: 0 };
  }
  const labelled = frauds + genuine;
  if (labelled <= rowsMax) return unlabelled === 1 ? undefined : { frauds: 1, genuine: 1, unlabelled, cards: 1 };
  // Half of the rows are for comparing models. Frauds are more informative, but a model needs both classes.
  const learnt = rowsMax / 2;
  const ofFrauds = share(learnt / 2, frauds);
  return {
    frauds: ofFrauds,
    genuine: share(learnt - ofFrauds * frauds, genuine),
    unlabelled,
    cards: share(rowsMax / 2, labelled),
  };
}

/** Rounded to the precision of the hash, so that 1 / share is exactly the weight of a row. */
function share(wanted: number, existing: number): number {
  return existing <= wanted ? 1 : Math.max(1, Math.round((wanted / existing) * HASHES)) / HASHES;
}

/**
 * SQL condition for the payments to write. The hash of an id or a card is the first 32 bits of its MD5, in hexadecimal.
 * `tripline_training.data.sampling` uses the same condition.
 *
 * @param fraud column with the label
 */
export function isSampled({ frauds, genuine, unlabelled, cards }: Shares, fraud: string): string {
  const bound = `CASE WHEN ${fraud} THEN ${hashBound(frauds)} WHEN NOT ${fraud} THEN ${hashBound(genuine)}
    ELSE ${hashBound(unlabelled)} END`;
  return `(md5(transaction_id) < ${bound} OR (${fraud} IS NOT NULL AND md5(card_token) < ${hashBound(cards)}))`;
}

/** Upper bound of the hashes in a sample, as SQL text. For a share of 1, it is greater than every hash. */
function hashBound(of: number): string {
  return sqlText(
    of === 1
      ? "g"
      : Math.round(of * HASHES)
          .toString(16)
          .padStart(8, "0"),
  );
}

/** Entries in a Parquet file's metadata that `tripline_training` uses to weight the rows. */
export function sharesMetadata(shares: Shares | undefined): Readonly<Record<string, number>> {
  if (shares === undefined) return {};
  return { fraud_share: shares.frauds, genuine_share: shares.genuine, card_share: shares.cards };
}
