import { useEffect, useRef } from "react";
import type { CandidatePayment, UnmatchedReport } from "#contract/fraud-reports";
import { problemFrom } from "../api/request.js";
import { formatMoney } from "../format/numbers.js";
import { formatMoment } from "../format/times.js";
import { text } from "../texts/en/reports.js";
import { Button } from "../ui/button.js";
import { ProblemNote } from "../ui/states.js";
import { useMatch } from "./use-reports.js";

const { confirm: words } = text;

interface ConfirmMatchProps {
  readonly of: UnmatchedReport;
  readonly payment: CandidatePayment;
  readonly onMatched: (payment: CandidatePayment) => void;
  readonly onBack: () => void;
}

/** Asks the user to confirm a match, because a wrong one labels a genuine payment as fraud. */
export function ConfirmMatch({ of, payment, onMatched, onBack }: ConfirmMatchProps) {
  const match = useMatch(of);
  const submit = useRef<HTMLButtonElement>(null);
  // The button that had the focus no longer exists.
  useEffect(() => submit.current?.focus(), []);
  const { clientTransactionId, amountMinor, currency, occurredAtMs } = payment;
  const differing = differingFields(payment);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        match.mutate(payment, { onSuccess: () => onMatched(payment) });
      }}
    >
      <p>
        <strong>{words.ask(of.reportId, clientTransactionId)}</strong>
      </p>
      <p>
        {formatMoney(amountMinor, currency)}, <time>{formatMoment(occurredAtMs)}</time>
      </p>
      {differing !== "" && <p className="late">{words.differs(differing)}</p>}
      <p>{words.detail}</p>
      {match.error !== null && <ProblemNote problem={problemFrom(match.error)} />}
      <div className="actions end">
        <Button onClick={onBack}>{words.back}</Button>
        <Button ref={submit} look="primary" type="submit" disabled={match.isPending}>
          {words.match}
        </Button>
      </div>
    </form>
  );
}

function differingFields({ agreement }: CandidatePayment): string {
  return Object.entries(words.fields)
    .filter(([field]) => agreement[field as keyof typeof agreement] === "differs")
    .map(([, name]) => name)
    .join(", ");
}
