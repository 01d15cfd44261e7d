import { useState } from "react";
import type { Session } from "#contract/session";

const PREFIX = "tripline.draft.";
let ofPerson = PREFIX;

/** Opens the drafts of the signed-in user and deletes those of previous users of this tab. */
export function openDrafts({ tenant, person }: Session): void {
  ofPerson = `${PREFIX}${JSON.stringify([tenant, person.id])}.`;
  for (const key of keptKeys()) if (!key.startsWith(ofPerson)) sessionStorage.removeItem(key);
}

/** Drafts belong to the user who typed them. */
export function dropDrafts(): void {
  for (const key of keptKeys()) sessionStorage.removeItem(key);
}

const keptKeys = (): string[] => Object.keys(sessionStorage).filter((key) => key.startsWith(PREFIX));

type Draft<T> = readonly [
  value: T,
  /** Stores a value, or the result of a function that receives the latest value. */
  change: (next: T | ((newest: T) => T)) => void,
  /** Called after saving. Text typed during the save is kept and returned. */
  drop: (sent: T) => T | undefined,
];

/**
 * Unsaved input, kept in this tab. It survives a failed save, a reload and a new sign-in.
 *
 * @returns the value and functions to change and discard it
 */
export function useDraft<T>(name: string, initial: T): Draft<T> {
  const key = ofPerson + name;
  const [typed, setTyped] = useState<{ readonly key: string; readonly value: T }>();
  const value = typed?.key === key ? typed.value : (readDraft<T>(key) ?? initial);
  const change: Draft<T>[1] = (next) => {
    // Stored values are JSON, so a function is never a value.
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

/** Keeps a value that `useDraft` reads on another screen. */
export function keepDraft(name: string, value: unknown): void {
  sessionStorage.setItem(ofPerson + name, JSON.stringify(value));
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
