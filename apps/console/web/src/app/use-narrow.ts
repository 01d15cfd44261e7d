import { useSyncExternalStore } from "react";

/** The width below which the style sheets lay out a narrow screen. */
const narrow = matchMedia("(max-width: 48rem)");

function subscribe(listener: () => void): () => void {
  narrow.addEventListener("change", listener);
  return () => narrow.removeEventListener("change", listener);
}

/** Whether the screen is narrow, as on a phone or at 200 % zoom. */
export function useNarrow(): boolean {
  return useSyncExternalStore(subscribe, () => narrow.matches);
}
