import type { Approval, AskedActivation } from "./second-user.js";
import { findMissingApproval, UNWATCHED_APPROVAL_MS } from "./second-user.js";

const NOW_MS = 1_000_000_000;
const ROLLED_BACK_MS = NOW_MS - 5_000;

const by = (principal: string | null, change: Partial<Approval> = {}): Approval => ({
  principal,
  approvedAtMs: NOW_MS - 1_000,
  isForUnwatched: false,
  ...change,
});
const early = { approvedAtMs: ROLLED_BACK_MS - 1 };
const unwatched = { isForUnwatched: true };

function find(change: Partial<AskedActivation>): string | undefined {
  return findMissingApproval({
    kind: "new",
    what: "revision 7",
    isUnwatched: false,
    tenantNeedsApproval: false,
    author: "ann",
    activator: "ann",
    approvals: [],
    rolledBackAtMs: null,
    nowMs: NOW_MS,
    ...change,
  });
}

const NEEDED = { tenantNeedsApproval: true };
const SUSPECT = { kind: "suspect", rolledBackAtMs: ROLLED_BACK_MS } as const;
const UNWATCHED = { isUnwatched: true };

test.each<[what: string, asked: Partial<AskedActivation>, isMissing: boolean]>([
  ["a new policy if the tenant requires no approval", {}, false],
  ["a new policy that nobody approved", NEEDED, true],
  ["a new policy that its author approved", { ...NEEDED, approvals: [by("ann")] }, true],
  ["a new policy that another user approved", { ...NEEDED, approvals: [by("bob")] }, false],
  ["a policy that its approver activates", { ...NEEDED, activator: "bob", approvals: [by("bob")] }, false],
  ["a policy that a client without an owner approved", { ...NEEDED, approvals: [by(null)] }, true],
  [
    "a policy created by a client without an owner, approved and activated by the same user",
    { ...NEEDED, author: null, activator: "bob", approvals: [by("bob")] },
    true,
  ],
  [
    "a policy created by a client without an owner, approved by one user and activated by another",
    { ...NEEDED, author: null, approvals: [by("bob")] },
    false,
  ],
  [
    "a policy created and activated by clients without an owner, approved by one user",
    { ...NEEDED, author: null, activator: null, approvals: [by("bob")] },
    true,
  ],
  [
    "a policy created and activated by clients without an owner, approved by two users",
    { ...NEEDED, author: null, activator: null, approvals: [by("bob"), by("cat")] },
    false,
  ],
  ["a return", { ...NEEDED, kind: "return" }, false],
  ["a return by a client without an owner", { ...NEEDED, kind: "return", activator: null }, false],
  ["a policy that was rolled back", SUSPECT, true],
  ["a policy approved before it was rolled back", { ...SUSPECT, approvals: [by("bob", early)] }, true],
  ["a policy approved after it was rolled back", { ...SUSPECT, approvals: [by("bob")] }, false],
  [
    "a policy that was rolled back, approved by its activator",
    { ...SUSPECT, activator: "bob", approvals: [by("bob")] },
    true,
  ],
  [
    "a policy that was rolled back, approved by its author",
    { ...SUSPECT, activator: "bob", approvals: [by("ann")] },
    true,
  ],
  [
    "a policy that was rolled back, activated by a client without an owner",
    { ...SUSPECT, activator: null, approvals: [by("bob")] },
    true,
  ],
  ["a new policy without the guard", UNWATCHED, true],
  ["a policy without the guard, approved with it", { ...UNWATCHED, approvals: [by("bob")] }, true],
  ["a policy without the guard, approved without it", { ...UNWATCHED, approvals: [by("bob", unwatched)] }, false],
  [
    "a policy without the guard, approved by its activator",
    { ...UNWATCHED, activator: "bob", approvals: [by("bob", unwatched)] },
    true,
  ],
  [
    "a policy without the guard, approved long ago",
    { ...UNWATCHED, approvals: [by("bob", { ...unwatched, approvedAtMs: NOW_MS - UNWATCHED_APPROVAL_MS })] },
    true,
  ],
])("regression #24: decides whether another user must approve %s", (_what, asked, isMissing) => {
  expect(find(asked) !== undefined).toBe(isMissing);
});
