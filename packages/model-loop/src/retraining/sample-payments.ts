import { sqlText } from "@tripline/lake/sql-text";
import type { ArrivedLabels } from "./arrived-labels.js";

/** Default of `sample.rowsMax`: in training, 83 features as float32 in four copies, 6.6 GB. */
export const ROWS_MAX = 5_000_000;

export interface SampleOptions {
  /** About how many payments to write at most. */
  readonly rowsMax: number;
  /**
   * `training`: frauds, genuine payments and payments without a label each have their own share, and all labelled
   * payments of some cards are added, on which models are compared. `comparison`: all payments have the same share.
   */
  readonly purpose: "training" | "comparison";
}

/** Which shares of the payments are written, from 0 to 1. */
export interface Shares {
  readonly frauds: number;
  readonly genuine: number;
  readonly unlabelled: number;
  /** Share of the cards of which every labelled payment is written. */
  readonly cards: number;
}

const HASHES = 2 ** 32;

/**
 * @param payments number of payments to read; the more there are, the smaller is each share
 * @returns undefined if all of them are written
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
  // Half of the rows are for comparing models. Frauds say more about fraud, but a model needs both.
  const learnt = rowsMax / 2;
  const ofFrauds = share(learnt / 2, frauds);
  return {
    frauds: ofFrauds,
    genuine: share(learnt - ofFrauds * frauds, genuine),
    unlabelled,
    cards: share(rowsMax / 2, labelled),
  };
}

/** As exact as the hash, so that 1 / share is the weight of a row. */
function share(wanted: number, existing: number): number {
  return existing <= wanted ? 1 : Math.max(1, Math.round((wanted / existing) * HASHES)) / HASHES;
}

/**
 * SQL condition for the payments to write. The hash of an id or a card is the first 32 bits of its MD5 as a hexadecimal
 * text. `tripline_training.data.sampling` has the same condition.
 *
 * @param fraud column with the label
 */
export function isSampled({ frauds, genuine, unlabelled, cards }: Shares, fraud: string): string {
  const bound = `CASE WHEN ${fraud} THEN ${hashBound(frauds)} WHEN NOT ${fraud} THEN ${hashBound(genuine)}
    ELSE ${hashBound(unlabelled)} END`;
  return `(md5(transaction_id) < ${bound} OR (${fraud} IS NOT NULL AND md5(card_token) < ${hashBound(cards)}))`;
}

/** For a share of 1, a text that is above all hashes. */
function hashBound(of: number): string {
  return sqlText(
    of === 1
      ? "g"
      : Math.round(of * HASHES)
          .toString(16)
          .padStart(8, "0"),
  );
}

/** The shares as metadata of a Parquet file, in SQL. `tripline_training` weights the rows by them. */
export function sharesMetadata({ frauds, genuine, cards }: Shares): string {
  return `, KV_METADATA {fraud_share: '${frauds}', genuine_share: '${genuine}', card_share: '${cards}'}`;
}
