import type { ReactNode } from "react";
import { useEffect } from "react";
import { text } from "../texts/en/app.js";

interface ScreenProps {
  readonly title: string;
  /** Leads back to the screen from which this one was opened. */
  readonly back?: ReactNode;
  readonly aside?: ReactNode;
  readonly children: ReactNode;
  readonly className?: string;
}

/** A screen with its title, which is also the tab's title. */
export function Screen({ title, back, aside, children, className = "" }: ScreenProps) {
  useEffect(() => {
    document.title = `${title} · ${text.product}`;
  }, [title]);
  return (
    <div className={`screen ${className}`}>
      <header className="screen-head">
        {back}
        <h1>{title}</h1>
        {aside}
      </header>
      {children}
    </div>
  );
}
