import type { FeastValue } from "./values/value-types.js";

/** PRESENT: a value within its maximum age. The other three statuses say why there is no usable value. */
export type FeatureStatus = "PRESENT" | "NULL_VALUE" | "NOT_FOUND" | "OUTSIDE_MAX_AGE";

/** Valid types of a join key. Numbers must be integers; timestamps are epoch seconds. */
export type JoinKeyValue = string | number | bigint | Uint8Array;

/** One entity: its join keys by name, for example `{ card_id: "c1" }`. */
export type EntityRow = Readonly<Record<string, JoinKeyValue>>;

export interface OnlineFeaturesOfList {
  /** `view:feature`, or `view@v2:feature` if the registry keeps versions online. */
  readonly features: readonly string[];
  readonly featureService?: undefined;
}

export interface OnlineFeaturesOfService {
  readonly featureService: string;
  readonly features?: undefined;
}

export type OnlineFeaturesRequest = (OnlineFeaturesOfList | OnlineFeaturesOfService) & {
  /** At least one row; all rows must have the same keys. */
  readonly entities: readonly EntityRow[];
  /** Names become `view__feature`. Default: false. */
  readonly fullFeatureNames?: boolean;
};

export interface CallOptions {
  /** Ends the call early, with the code `aborted`. */
  readonly signal?: AbortSignal;
  /** Timeout of the whole call, including retries. Default: the client's timeout. */
  readonly timeoutMs?: number;
}

export interface OnlineFeatureRow {
  /** In the order of `featureNames`. A value with OUTSIDE_MAX_AGE is outdated, or null if the source omits it. */
  readonly values: readonly FeastValue[];
  readonly statuses: readonly FeatureStatus[];
  /** Epoch milliseconds with microseconds as a fraction; null if nothing was found. */
  readonly eventTimestampsMs: readonly (number | null)[];
}

export interface OnlineFeatures {
  /** In the order of the request, or of the feature service. Excludes join keys. */
  readonly featureNames: readonly string[];
  /** One per entity row of the request, in the same order. */
  readonly rows: readonly OnlineFeatureRow[];
}

/** The interface of every client, regardless of its transport. */
export interface OnlineFeatureReader {
  /**
   * Reads features of entities. Retries while the feature store is unavailable, up to the deadline.
   *
   * @throws FeastError
   */
  getOnlineFeatures(request: OnlineFeaturesRequest, options?: CallOptions): Promise<OnlineFeatures>;
}

/** The rows as objects by feature name. Values without the status PRESENT are null, including outdated ones. */
export function toRecords(features: OnlineFeatures): Record<string, FeastValue>[] {
  return features.rows.map((row) =>
    Object.fromEntries(
      features.featureNames.map((name, index) => [
        name,
        row.statuses[index] === "PRESENT" ? (row.values[index] ?? null) : null,
      ]),
    ),
  );
}
