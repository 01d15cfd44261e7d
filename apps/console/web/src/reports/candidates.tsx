import { useMemo } from "react";
import type { Agreement, CandidatePayment, UnmatchedReport } from "#contract/fraud-reports";
import { useMay } from "../app/session.js";
import { formatMoney } from "../format/numbers.js";
import { formatShortMoment } from "../format/times.js";
import { PaymentLink } from "../payment/payment-link.js";
import { text as app } from "../texts/en/app.js";
import { text } from "../texts/en/reports.js";
import { Button } from "../ui/button.js";
import type { Column } from "../ui/data-table.js";
import { DataTable } from "../ui/data-table.js";
import { Empty, Loaded } from "../ui/states.js";
import { useCandidates } from "./use-reports.js";

const { candidates: words, unmatched: fields } = text;
/** The backend's limit for one card. */
const CANDIDATES_MAX = 20;
const LOOKS = { same: "good", differs: "bad", unknown: "" } as const;

/** Whether a field agrees with the report's. */
function Mark({ is }: { readonly is: Agreement }) {
  return <span className={`tag ${LOOKS[is]}`}>{words.agreements[is]}</span>;
}

const COLUMNS: readonly Column<CandidatePayment>[] = [
  {
    id: "payment",
    title: words.payment,
    cell: ({ transactionId, clientTransactionId }) => (
      <PaymentLink id={transactionId}>{clientTransactionId}</PaymentLink>
    ),
  },
  {
    id: "amount",
    title: fields.amount,
    cell: ({ amountMinor, currency, agreement }) => (
      <>
        {formatMoney(amountMinor, currency)} <Mark is={agreement.amount} />
      </>
    ),
  },
  {
    id: "paid",
    title: fields.paid,
    cell: ({ occurredAtMs, agreement }) => (
      <>
        <time>{formatShortMoment(occurredAtMs)}</time> <Mark is={agreement.day} />
      </>
    ),
  },
  { id: "card", title: fields.card, cell: ({ agreement }) => <Mark is={agreement.card} /> },
  {
    id: "reference",
    title: fields.reference,
    cell: ({ acquirerReference, agreement }) => (
      <>
        {acquirerReference} <Mark is={agreement.acquirerReference} />
      </>
    ),
  },
  {
    id: "code",
    title: words.code,
    cell: ({ authorisationCode, agreement }) => (
      <>
        {authorisationCode} <Mark is={agreement.authorisationCode} />
      </>
    ),
  },
  { id: "terminal", title: words.terminal, look: "wide", cell: ({ terminalId }) => terminalId },
];

interface CandidatesProps {
  readonly of: UnmatchedReport;
  readonly onChoose: (payment: CandidatePayment) => void;
}

/** Payments that the report may be about, and whether their fields agree with it. */
export function Candidates({ of, onChoose }: CandidatesProps) {
  const query = useCandidates(of.id);
  const mayMatch = useMay()("labels:write");
  const columns = useMemo((): readonly Column<CandidatePayment>[] => {
    if (!mayMatch) return COLUMNS;
    const cell = (payment: CandidatePayment) => (
      <Button aria-label={words.matchOne(payment.clientTransactionId)} onClick={() => onChoose(payment)}>
        {words.match}
      </Button>
    );
    // The button is in the first column, so that it stays visible on a narrow screen.
    return [{ id: "action", title: app.action, cell }, ...COLUMNS];
  }, [mayMatch, onChoose]);
  return (
    <Loaded query={query} lines={3}>
      {(rows) =>
        rows.length === 0 ? (
          <Empty title={words.none}>{words.noneDetail}</Empty>
        ) : (
          <>
            <DataTable
              caption={words.title}
              columns={columns}
              rows={rows}
              rowKey={({ transactionId }) => transactionId}
            />
            {rows.length >= CANDIDATES_MAX && <p className="quiet">{words.many}</p>}
            {!mayMatch && <p className="quiet">{words.lacking}</p>}
          </>
        )
      }
    </Loaded>
  );
}
