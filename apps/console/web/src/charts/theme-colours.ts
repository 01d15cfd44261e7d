import { useEffect, useState } from "react";

export type Colours = Readonly<
  Record<
    "text" | "quiet" | "line" | "surface" | "accent" | "bar" | "decline" | "review" | "approve" | "challenge",
    string
  >
>;

const NAMES = [
  "text",
  "quiet",
  "line",
  "surface",
  "accent",
  "bar",
  "decline",
  "review",
  "approve",
  "challenge",
] as const satisfies readonly (keyof Colours)[];

/** A canvas cannot use style sheets, so this reads the computed theme colours of the element. */
export function coloursOf(element: HTMLElement): Colours {
  const probe = element.appendChild(document.createElement("span"));
  const read = (name: string): string => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const colours = Object.fromEntries(NAMES.map((name) => [name, read(name)])) as Colours;
  probe.remove();
  return colours;
}

/** Counts theme changes, so that canvases are redrawn. */
export function useThemeChanges(): number {
  const [changes, setChanges] = useState(0);
  useEffect(() => {
    const count = (): void => setChanges((before) => before + 1);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    document.documentElement.addEventListener("themechange", count);
    scheme.addEventListener("change", count);
    return () => {
      document.documentElement.removeEventListener("themechange", count);
      scheme.removeEventListener("change", count);
    };
  }, []);
  return changes;
}
