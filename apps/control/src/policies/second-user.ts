import type { ActivationKind } from "./activation-history.js";

/** An approval: who gave it, when, and whether it is for an activation without the guard. */
export interface Approval {
  /** The user behind the approval; null for a machine client without an owner. */
  readonly principal: string | null;
  readonly approvedAtMs: number;
  readonly isForUnwatched: boolean;
}

/** A requested activation. */
export interface AskedActivation {
  readonly kind: ActivationKind;
  /** The revision, as a phrase for messages. */
  readonly what: string;
  readonly isUnwatched: boolean;
  readonly tenantNeedsApproval: boolean;
  /** The users behind the revision and the activation; null if unknown. */
  readonly author: string | null;
  readonly activator: string | null;
  readonly approvals: readonly Approval[];
  readonly rolledBackAtMs: number | null;
  readonly nowMs: number;
}

/** How long an approval without the guard is valid. */
export const UNWATCHED_APPROVAL_MS = 86_400_000;

/** @returns why the activation needs another user, as a sentence; undefined if it does not */
export function findMissingApproval(asked: AskedActivation): string | undefined {
  const { kind, what, isUnwatched, approvals, rolledBackAtMs, nowMs } = asked;
  if (isUnwatched) {
    const counted = approvals.filter(
      ({ approvedAtMs, isForUnwatched }) =>
        isForUnwatched && approvedAtMs > nowMs - UNWATCHED_APPROVAL_MS && approvedAtMs >= (rolledBackAtMs ?? 0),
    );
    if (isByAnother(asked, counted)) return undefined;
    return `To activate ${what} without the guard, another user must have approved this within the last 24 hours.`;
  }
  if (kind === "suspect") {
    const counted = approvals.filter(({ approvedAtMs }) => approvedAtMs >= (rolledBackAtMs ?? 0));
    if (isByAnother(asked, counted)) return undefined;
    return `${capitalised(what)} was rolled back, so another user must approve it again before it can be activated.`;
  }
  if (kind === "return" || !asked.tenantNeedsApproval || isByTwo(asked)) return undefined;
  return `${capitalised(what)} is not approved. A user who did not write it must approve it first.`;
}

/** A user other than the activator must approve. If the activator is unknown, two users must. */
function isByAnother({ author, activator }: AskedActivation, counted: readonly Approval[]): boolean {
  const others = usersOf(counted, [author, activator]);
  return others.size >= (activator === null ? 2 : 1);
}

/** Whether a user other than the author approved it, and at least two known users are involved. */
function isByTwo({ author, activator, approvals }: AskedActivation): boolean {
  const approvers = usersOf(approvals, [author]);
  const all = new Set([...approvers, ...[author, activator].filter((user) => user !== null)]);
  return approvers.size > 0 && all.size >= 2;
}

function usersOf(approvals: readonly Approval[], but: readonly (string | null)[]): Set<string> {
  return new Set(approvals.flatMap(({ principal: user }) => (user === null || but.includes(user) ? [] : [user])));
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
