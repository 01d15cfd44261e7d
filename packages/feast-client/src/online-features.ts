import type { FeastValue } from "./values/value-types.js";

/** PRESENT: a value that is young enough. The other three: there is none to use, and why. */
export type FeatureStatus = "PRESENT" | "NULL_VALUE" | "NOT_FOUND" | "OUTSIDE_MAX_AGE";

/** What a join key may be. Numbers are whole numbers; timestamps are epoch seconds. */
export type JoinKeyValue = string | number | bigint | Uint8Array;

/** One entity: its join keys by name, for instance `{ card_id: "c1" }`. */
export type EntityRow = Readonly<Record<string, JoinKeyValue>>;

export interface OnlineFeaturesOfList {
  /** `view:feature`, or `view@v2:feature` where the registry keeps versions online. */
  readonly features: readonly string[];
  readonly featureService?: undefined;
}

export interface OnlineFeaturesOfService {
  readonly featureService: string;
  readonly features?: undefined;
}

export type OnlineFeaturesRequest = (OnlineFeaturesOfList | OnlineFeaturesOfService) & {
  /** At least one; all with the same keys. */
  readonly entities: readonly EntityRow[];
  /** Names become `view__feature`. Default false. */
  readonly fullFeatureNames?: boolean;
};

export interface CallOptions {
  /** Ends the call early, with the code `aborted`. */
  readonly signal?: AbortSignal;
  /** How long the whole call may take, retries included. Default: that of the client. */
  readonly timeoutMs?: number;
}

export interface OnlineFeatureRow {
  /** In the order of `featureNames`. With OUTSIDE_MAX_AGE the value that is too old, where the source tells it. */
  readonly values: readonly FeastValue[];
  readonly statuses: readonly FeatureStatus[];
  /** Epoch milliseconds with microseconds as a fraction; null where nothing was found. */
  readonly eventTimestampsMs: readonly (number | null)[];
}

export interface OnlineFeatures {
  /** In the order of the request; those of a feature service in the order of the service. Join keys are not among them. */
  readonly featureNames: readonly string[];
  /** One per entity row of the request, in its order. */
  readonly rows: readonly OnlineFeatureRow[];
}

/** What every client can do, whatever it speaks. */
export interface OnlineFeatureReader {
  /**
   * Reads features of entities. Tries again while the feature store is unavailable and the deadline allows it.
   *
   * @throws FeastError
   */
  getOnlineFeatures(request: OnlineFeaturesRequest, options?: CallOptions): Promise<OnlineFeatures>;
}

/** The rows as objects by feature name. What is not PRESENT is null, values that are too old included. */
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
