import { TriplineError } from "@tripline/contracts/error-table";

const MS_PER_S = 1_000;

export interface UsedUpBudget {
  /** `tenant` or `client`. */
  readonly kind: string;
  readonly perSecond: number;
  readonly retryAfterMs: number;
}

/** A caller has used up its budget. Includes the headers of the response. */
export class RateLimited extends TriplineError {
  readonly headers: Readonly<Record<string, string>>;

  constructor({ kind, perSecond, retryAfterMs }: UsedUpBudget) {
    const seconds = Math.max(1, Math.ceil(retryAfterMs / MS_PER_S));
    super("rate-limited", `The rate limit of this ${kind} is ${perSecond} per second; try again in ${seconds} s.`);
    // draft-ietf-httpapi-ratelimit-headers
    this.headers = {
      "retry-after": String(seconds),
      "ratelimit-policy": `"${kind}";q=${perSecond * WINDOW_SECONDS};w=${WINDOW_SECONDS}`,
      ratelimit: `"${kind}";r=0;t=${seconds}`,
    };
  }
}

/** The period that a budget covers, so that short bursts are not rejected. */
export const WINDOW_SECONDS = 10;
