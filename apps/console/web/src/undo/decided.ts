import { useSyncExternalStore } from "react";
import type { CaseRow } from "#contract/cases";

/** A verdict that the user has just given and can still undo. */
export interface Decided {
  readonly key: number;
  readonly cases: readonly Pick<CaseRow, "id" | "revision">[];
  readonly verdict: "fraud" | "genuine";
  /** Whether a second user must confirm it. If so, undoing it withdraws the request. */
  readonly isPending: boolean;
  /** How long it can be undone, from now on. */
  readonly ms: number;
}

const DECIDED_MAX = 20;

/** This tab's verdicts, newest last. The backend stores all verdicts, so none is lost when the tab is closed. */
let decided: readonly Decided[] = [];
let lastKey = 0;
const watchers = new Set<() => void>();

function replace(next: readonly Decided[]): void {
  decided = next.slice(-DECIDED_MAX);
  for (const watch of watchers) watch();
}

export function dropDecided(key: number): void {
  replace(decided.filter((one) => one.key !== key));
}

/** Removes the verdicts on cases that have changed since. */
export function dropCases(ids: readonly string[]): void {
  const changed = new Set(ids);
  replace(
    decided
      .map((one) => ({ ...one, cases: one.cases.filter(({ id }) => !changed.has(id)) }))
      .filter(({ cases }) => cases.length > 0),
  );
}

function keepDecided(given: Omit<Decided, "key">): void {
  lastKey += 1;
  const key = lastKey;
  replace([...decided, { ...given, key }]);
  setTimeout(() => dropDecided(key), given.ms);
}

/** Whether the user has given no verdict since this one. */
export const isNewest = (key: number): boolean => key === lastKey;

/** How long a request for confirmation can be withdrawn here. After that, users can withdraw it on the case's page. */
const PENDING_MS = 10_000;

/** Keeps a verdict that closed cases or that waits for confirmation, unless it has already taken effect. */
export function keepVerdict(rows: readonly CaseRow[], given: "fraud" | "genuine"): void {
  const closed = rows.filter(({ undoUntilMs }) => typeof undoUntilMs === "number");
  const pending = rows.filter(({ status }) => status !== "closed");
  if (pending.length > 0) keepDecided({ cases: pending, verdict: given, isPending: true, ms: PENDING_MS });
  if (closed.length > 0) keepDecided({ cases: closed, verdict: given, isPending: false, ms: undoMsOf(closed) });
}

/**
 * How long all of these verdicts can be undone. They were given one after the other, the last one just now. All times
 * are from the backend, because the browser's clock may differ.
 */
export function undoMsOf(closed: readonly Pick<CaseRow, "undoUntilMs" | "changedAtMs">[]): number {
  const firstEndMs = Math.min(...closed.map(({ undoUntilMs }) => undoUntilMs ?? 0));
  return Math.max(0, firstEndMs - Math.max(...closed.map(({ changedAtMs }) => changedAtMs)));
}

/** The newest verdict that can be undone. */
export function useNewestDecided(): Decided | undefined {
  return useSyncExternalStore(
    (watch) => {
      watchers.add(watch);
      return () => watchers.delete(watch);
    },
    () => decided.at(-1),
  );
}
