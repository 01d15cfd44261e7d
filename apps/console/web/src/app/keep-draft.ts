import { useState } from "react";

const PREFIX = "tripline.draft.";

/** Drafts belong to who typed them. */
export function dropDrafts(): void {
  for (const key of Object.keys(sessionStorage)) if (key.startsWith(PREFIX)) sessionStorage.removeItem(key);
}

type Draft<T> = readonly [
  value: T,
  /** Keeps a value, or what is made of the newest one. */
  change: (next: T | ((newest: T) => T)) => void,
  /** Once it is saved. What was typed while it was being saved stays, and is returned. */
  drop: (sent: T) => T | undefined,
];

/**
 * What a person types, kept in this tab until it is saved: it survives a failed save, a reload, and signing in again.
 *
 * @returns the value, how to change it, and how to drop what is kept
 */
export function useDraft<T>(name: string, initial: T): Draft<T> {
  const key = PREFIX + name;
  const [typed, setTyped] = useState<{ readonly key: string; readonly value: T }>();
  const value = typed?.key === key ? typed.value : (readDraft<T>(key) ?? initial);
  const change: Draft<T>[1] = (next) => {
    // What is kept is JSON and so never a function.
    const changed = typeof next === "function" ? (next as (newest: T) => T)(readDraft(key) ?? initial) : next;
    setTyped({ key, value: changed });
    sessionStorage.setItem(key, JSON.stringify(changed));
  };
  const drop: Draft<T>[2] = (sent) => {
    const newest = readDraft<T>(key);
    if (newest !== undefined && JSON.stringify(newest) !== JSON.stringify(sent)) return newest;
    sessionStorage.removeItem(key);
    setTyped(undefined);
    return undefined;
  };
  return [value, change, drop];
}

function readDraft<T>(key: string): T | undefined {
  const kept = sessionStorage.getItem(key);
  if (kept === null) return undefined;
  try {
    return JSON.parse(kept) as T;
  } catch {
    return undefined;
  }
}
