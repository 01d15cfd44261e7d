import { GUARD } from "../rollouts/rollout-state.js";

/**
 * What the activation of a revision is. `return`: to the newest policy that was in force and that neither a guard nor a person rolled
 * back, or to what is in force already. `suspect`: of a policy that a guard or a person rolled back. `new`: everything else.
 */
export type ActivationKind = "return" | "suspect" | "new";

/** An activation that took effect. */
export interface PastActivation {
  readonly activation: number;
  /** Null: the tenant had no policy of its own. */
  readonly revision: number | null;
  /** Of the revision's text, which may have several numbers. */
  readonly sha256: string | null;
  readonly author: string;
  /** Null for activations from before kinds were stored. */
  readonly kind: ActivationKind | null;
  readonly activatesAtMs: number;
  readonly isWatched: boolean;
  /** When its watch ended without a breach. */
  readonly stoodAtMs: number | null;
}

/** A policy that was in force, with what became of it. */
export interface PastPolicy {
  readonly revision: number | null;
  /** Its newest activation; 0 where the tenant began without a policy of its own. */
  readonly activation: number;
  /** Its watch ended without a breach, or two users agreed to do without. */
  readonly hasStood: boolean;
  readonly rolledBackAtMs: number | null;
}

export interface Standing {
  readonly kind: ActivationKind;
  readonly policy: PastPolicy | undefined;
}

/** Of activations from before the end of a watch was stored: in force for so long, one has stood. */
const STOOD_AFTER_MS = 3_600_000;
const NO_POLICY = "";

/** The policies of one tenant that were in force, in the order of their newest activation. */
export class ActivationHistory {
  readonly #policies = new Map<string, PastPolicy>();
  #current = NO_POLICY;

  /** @param past all of them, the oldest first, or the newest ones where `isComplete` is false */
  constructor(past: readonly PastActivation[], isComplete: boolean, nowMs: number) {
    if (isComplete) {
      this.#policies.set(NO_POLICY, { revision: null, activation: 0, hasStood: true, rolledBackAtMs: null });
    }
    for (const [index, one] of past.entries()) this.#take(one, past[index + 1]?.activatesAtMs ?? nowMs);
  }

  /** What is in force. */
  get current(): PastPolicy | undefined {
    return this.#policies.get(this.#current);
  }

  /** What a return goes to; undefined where there is nothing. */
  get returnTarget(): PastPolicy | undefined {
    return this.#newest()?.[1];
  }

  /** @param sha256 of the text to be activated, null for no policy of the tenant's own */
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
    // The order of the map is that of the newest activations.
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
