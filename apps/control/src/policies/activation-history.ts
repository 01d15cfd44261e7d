import { GUARD } from "../rollouts/rollout-state.js";

/**
 * Kind of an activation. `return` activates the newest earlier policy that was not rolled back, or the active one.
 * `suspect` activates a policy that a guard or a user rolled back. `new` is any other activation.
 */
export type ActivationKind = "return" | "suspect" | "new";

/** An activation that took effect. */
export interface PastActivation {
  readonly activation: number;
  /** Null if the tenant had no policy of its own. */
  readonly revision: number | null;
  /** Hash of the revision's text. Several revisions may have the same text. */
  readonly sha256: string | null;
  readonly author: string;
  /** Null for activations from before kinds were stored. */
  readonly kind: ActivationKind | null;
  readonly activatesAtMs: number;
  readonly isWatched: boolean;
  /** The time at which its watch ended without a breach. */
  readonly stoodAtMs: number | null;
}

/** A policy that was active, and what happened to it. */
export interface PastPolicy {
  readonly revision: number | null;
  /** Its newest activation; 0 if the tenant started without its own policy. */
  readonly activation: number;
  /** Whether its watch ended without a breach, or two users agreed to skip the watch. */
  readonly hasStood: boolean;
  readonly rolledBackAtMs: number | null;
}

export interface Standing {
  readonly kind: ActivationKind;
  readonly policy: PastPolicy | undefined;
}

/** Earlier releases did not store when a watch ended. Their activations are considered accepted after this time. */
const STOOD_AFTER_MS = 3_600_000;
const NO_POLICY = "";

/** The policies of one tenant that were active, in the order of their newest activation. */
export class ActivationHistory {
  readonly #policies = new Map<string, PastPolicy>();
  #current = NO_POLICY;

  /** @param past all activations, oldest first; only the newest ones if `isComplete` is false */
  constructor(past: readonly PastActivation[], isComplete: boolean, nowMs: number) {
    if (isComplete) {
      this.#policies.set(NO_POLICY, { revision: null, activation: 0, hasStood: true, rolledBackAtMs: null });
    }
    for (const [index, one] of past.entries()) this.#take(one, past[index + 1]?.activatesAtMs ?? nowMs);
  }

  /** The active policy. */
  get current(): PastPolicy | undefined {
    return this.#policies.get(this.#current);
  }

  /** The target of a return; undefined if there is none. */
  get returnTarget(): PastPolicy | undefined {
    return this.#newest()?.[1];
  }

  /** @param sha256 hash of the text to be activated; null for the removal of the tenant's own policy */
  standingOf(sha256: string | null): Standing {
    const key = sha256 ?? NO_POLICY;
    const policy = this.#policies.get(key);
    if (policy === undefined) return { kind: "new", policy };
    if (key === this.#current || key === this.#newest()?.[0]) return { kind: "return", policy };
    return { kind: policy.rolledBackAtMs === null ? "new" : "suspect", policy };
  }

  #newest(): [string, PastPolicy] | undefined {
    return [...this.#policies].findLast(([key, policy]) => key !== this.#current && policy.rolledBackAtMs === null);
  }

  #take(one: PastActivation, untilMs: number): void {
    const key = one.sha256 ?? NO_POLICY;
    const before = this.#policies.get(key);
    if (key !== this.#current && this.#isRollback(one)) {
      const rolledBack = this.current;
      if (rolledBack !== undefined) {
        this.#policies.set(this.#current, { ...rolledBack, rolledBackAtMs: one.activatesAtMs });
      }
    }
    const isAgain = before !== undefined && before.rolledBackAtMs === null;
    // The map is ordered by each policy's newest activation.
    this.#policies.delete(key);
    this.#policies.set(key, {
      revision: one.revision,
      activation: one.activation,
      hasStood: (isAgain && before.hasStood) || hasStood(one, untilMs),
      rolledBackAtMs: null,
    });
    this.#current = key;
  }

  #isRollback({ kind, author, sha256 }: PastActivation): boolean {
    return kind === null ? author === GUARD || this.standingOf(sha256).kind === "return" : kind === "return";
  }
}

function hasStood({ kind, isWatched, stoodAtMs, activatesAtMs }: PastActivation, untilMs: number): boolean {
  if (kind === null) return untilMs - activatesAtMs >= STOOD_AFTER_MS;
  return !isWatched || stoodAtMs !== null;
}
