import type { ReactNode } from "react";
import { useId } from "react";

interface PanelProps {
  readonly title: string;
  readonly aside?: ReactNode;
  readonly children: ReactNode;
  readonly className?: string;
}

export function Panel({ title, aside, children, className = "" }: PanelProps) {
  const id = useId();
  return (
    <section className={`panel ${className}`} aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        {aside}
      </header>
      {children}
    </section>
  );
}

interface FactsProps {
  readonly of: readonly (readonly [name: string, value: ReactNode])[];
  /** Places the name above the value, for long names. */
  readonly isListed?: boolean;
}

export function Facts({ of, isListed = false }: FactsProps) {
  return (
    <dl className={isListed ? "listed" : "facts"}>
      {of.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

interface BarProps {
  /** Both from 0 to 1 of the width. A negative size draws nothing, and 0 draws a thin line. */
  readonly from?: number;
  readonly size: number;
  readonly look: string;
}

/** A bar with its number as text. Its size is set by script, which the page's policy allows. */
export function Bar({ from = 0, size, look }: BarProps) {
  return (
    <span className="bar" aria-hidden="true">
      {size >= 0 && (
        <span
          className={look}
          style={{ marginInlineStart: `${from * 100}%`, width: `${Math.max(size * 100, 0.5)}%` }}
        />
      )}
    </span>
  );
}
