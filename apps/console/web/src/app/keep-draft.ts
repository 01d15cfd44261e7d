import { useCallback, useState } from "react";

const PREFIX = "tripline.draft.";

/**
 * What a person types, kept in this tab until it is saved: it survives a failed save, a reload, and signing in again.
 *
 * @returns the value, how to change it, and how to drop what is kept
 */
export function useDraft<T>(name: string, initial: T): readonly [T, (value: T) => void, () => void] {
  const key = PREFIX + name;
  const [typed, setTyped] = useState<{ readonly key: string; readonly value: T }>();
  const value = typed?.key === key ? typed.value : readDraft(key, initial);
  const change = useCallback(
    (next: T) => {
      setTyped({ key, value: next });
      sessionStorage.setItem(key, JSON.stringify(next));
    },
    [key],
  );
  const drop = useCallback(() => {
    sessionStorage.removeItem(key);
    setTyped(undefined);
  }, [key]);
  return [value, change, drop];
}

function readDraft<T>(key: string, initial: T): T {
  const kept = sessionStorage.getItem(key);
  if (kept === null) return initial;
  try {
    return JSON.parse(kept) as T;
  } catch {
    return initial;
  }
}

/** Drafts belong to who typed them. */
export function dropDrafts(): void {
  for (const key of Object.keys(sessionStorage)) if (key.startsWith(PREFIX)) sessionStorage.removeItem(key);
}
