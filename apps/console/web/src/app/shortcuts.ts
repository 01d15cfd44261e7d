import { useEffect, useLayoutEffect, useRef } from "react";

/** Actions of single keys on a screen, by `event.key`. */
export type Shortcuts = Readonly<Record<string, () => void>>;

const KEY = "tripline.shortcuts";
const FIELDS = "input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable=true]";
/** Keys that a focused control handles itself. */
const KEYS_OF_CONTROLS = ["Enter", " "];

export const areShortcutsOn = (): boolean => localStorage.getItem(KEY) !== "off";
export const switchShortcuts = (isOn: boolean): void => localStorage.setItem(KEY, isOn ? "on" : "off");

/** Single keys. Active while no field has the focus, no dialog is open, and the user has not disabled them. */
export function useShortcuts(shortcuts: Shortcuts): void {
  const newest = useRef(shortcuts);
  // Synchronously with rendering, so that Enter opens the row that the user sees.
  useLayoutEffect(() => {
    newest.current = shortcuts;
  });
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const action = newest.current[event.key];
      if (action === undefined || !isFree(event)) return;
      event.preventDefault();
      action();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
}

function isFree(event: KeyboardEvent): boolean {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || !areShortcutsOn()) return false;
  if (document.querySelector("[role=dialog][data-state=open], [role=menu][data-state=open]") !== null) return false;
  // For the editor in a shadow tree, only the path contains the actual element.
  const [target] = event.composedPath();
  if (!(target instanceof HTMLElement)) return true;
  if (target.matches(FIELDS)) return false;
  return !(KEYS_OF_CONTROLS.includes(event.key) && target.matches("a, button, [role=tab], [role=checkbox]"));
}
