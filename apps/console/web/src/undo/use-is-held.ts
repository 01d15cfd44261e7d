import { useEffect, useState } from "react";
import type { CaseRow } from "#contract/cases";

/** Whether the verdict on a case can still be undone. */
export function useIsHeld({ undoUntilMs, changedAtMs }: Pick<CaseRow, "undoUntilMs" | "changedAtMs">): boolean {
  const untilMs = undoUntilMs ?? null;
  const [endedMs, setEndedMs] = useState<number | null>(null);
  useEffect(() => {
    if (untilMs === null) return;
    // Even if the browser's clock is slow, the hold lasts no longer than intended.
    const timer = setTimeout(() => setEndedMs(untilMs), Math.min(untilMs - Date.now(), untilMs - changedAtMs));
    return () => clearTimeout(timer);
  }, [untilMs, changedAtMs]);
  return untilMs !== null && untilMs !== endedMs;
}
