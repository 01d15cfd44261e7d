import { Inject, Injectable } from "@nestjs/common";
import type { Decision, Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { FeedListener } from "../rollouts/decision-feed.js";
import { DecisionFeed } from "../rollouts/decision-feed.js";

/** The parts of a decision that guards need. */
export interface SeenDecision {
  readonly tenant: string;
  readonly cardToken: string;
  readonly outcome: Outcome;
  readonly decidedAtMs: number;
  readonly policyVersion: string;
  readonly policyRevision: number;
}

/** Maximum number of decisions for all tenants, about 20 MB. */
const DECISIONS_MAX = 50_000;
/** Number of decisions that are dropped at a time. */
const FORGOTTEN = 500;

/**
 * The newest decisions by tenant. Above the limit, the largest tenant loses its oldest ones, so that a busy tenant does
 * not displace a quiet one.
 */
@Injectable()
export class SeenDecisions implements FeedListener {
  readonly wantsDecisions = true;
  readonly wantsLabels = false;
  /** By payment, so that a repeated decision counts once; in order of arrival. */
  readonly #byTenant = new Map<string, Map<string, SeenDecision>>();
  #count = 0;

  constructor(
    @Inject(DecisionFeed) feed: Pick<DecisionFeed, "listen">,
    private readonly max = DECISIONS_MAX,
  ) {
    feed.listen(this);
  }

  label(): void {
    // Labels come too late for a guard.
  }

  decision(decision: Decision): void {
    const { transactionId, tenant, cardToken, outcome, decidedAtMs, policyVersion, policyRevision } = decision;
    const seen = this.#byTenant.get(tenant) ?? new Map<string, SeenDecision>();
    if (seen.has(transactionId)) return;
    this.#byTenant.set(tenant, seen);
    seen.set(transactionId, { tenant, cardToken, outcome, decidedAtMs, policyVersion, policyRevision });
    this.#count += 1;
    if (this.#count > this.max) this.#forget();
  }

  /** @param tenant empty for all tenants */
  *of(tenant: string): Iterable<SeenDecision> {
    const those = tenant === "" ? [...this.#byTenant.values()] : [this.#byTenant.get(tenant)];
    for (const seen of those) if (seen !== undefined) yield* seen.values();
  }

  #forget(): void {
    const [largest] = [...this.#byTenant].sort(([, left], [, right]) => right.size - left.size);
    if (largest === undefined) return;
    const [tenant, seen] = largest;
    for (const id of [...seen.keys()].slice(0, FORGOTTEN)) {
      seen.delete(id);
      this.#count -= 1;
    }
    if (seen.size === 0) this.#byTenant.delete(tenant);
  }
}
