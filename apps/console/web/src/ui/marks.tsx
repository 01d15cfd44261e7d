import type { FraudLabel, Outcome } from "#contract/decisions";
import { text } from "../texts/en/app.js";

/** Each outcome has its own shape, so that it is not shown by colour alone. */
const SHAPES: Readonly<Record<Outcome, string>> = {
  approve: "M2.5 6.5 5 9l4.5-6",
  challenge: "M6 1.5 10.5 10h-9z",
  review: "M6 1.5A4.5 4.5 0 1 1 6 10.5 4.5 4.5 0 1 1 6 1.5M6 3.8v2.6l1.8 1",
  decline: "M2.5 2.5l7 7M9.5 2.5l-7 7",
};

export function OutcomeMark({ outcome }: { readonly outcome: Outcome }) {
  return (
    <span className={`outcome ${outcome}`}>
      <svg viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
        <path d={SHAPES[outcome]} />
      </svg>
      {text.outcomes[outcome]}
    </span>
  );
}

export function LabelMark({ label }: { readonly label: FraudLabel | null }) {
  if (label === null) return null;
  return label.fraud ? (
    <span className="tag fraud">{text.labels.fraud}</span>
  ) : (
    <span className="tag genuine">{text.labels.genuine}</span>
  );
}

const SHOWN_START = 7;
const SHOWN_END = 4;

/** A token shortened in the middle with "…". Selecting it copies the full value, which screen readers also read. */
export function Token({ value }: { readonly value: string }) {
  if (value.length <= SHOWN_START + SHOWN_END + 2) return <code className="token">{value}</code>;
  return (
    <code className="token" title={value}>
      {value.slice(0, SHOWN_START)}
      <span className="token-middle">{value.slice(SHOWN_START, -SHOWN_END)}</span>
      {value.slice(-SHOWN_END)}
    </code>
  );
}
