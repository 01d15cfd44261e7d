import { Link } from "@tanstack/react-router";
import type { DecisionRow } from "#contract/decisions";
import { EntityLink } from "../entity/entity-link.js";
import { formatCount, formatMoney, formatScore } from "../format/numbers.js";
import { formatClock, formatMoment } from "../format/times.js";
import { PaymentLink } from "../payment/payment-link.js";
import { text } from "../texts/en/screens.js";
import type { Column } from "./data-table.js";
import { DataTable } from "./data-table.js";
import { LabelMark, OutcomeMark } from "./marks.js";

const { columns: titles } = text.live;

const COLUMNS: readonly Column<DecisionRow>[] = [
  { id: "outcome", title: titles.outcome, cell: ({ outcome }) => <OutcomeMark outcome={outcome} /> },
  { id: "score", title: titles.score, look: "number", cell: ({ score }) => formatScore(score) },
  {
    id: "amount",
    title: titles.amount,
    look: "number",
    cell: ({ transactionId, amountMinor, currency }) => (
      <PaymentLink id={transactionId}>{formatMoney(amountMinor, currency)}</PaymentLink>
    ),
  },
  { id: "card", title: titles.card, cell: ({ cardToken }) => <EntityLink kind="card" value={cardToken} /> },
  {
    id: "terminal",
    title: titles.terminal,
    look: "wide",
    cell: ({ terminalId }) => <EntityLink kind="terminal" value={terminalId} />,
  },
  {
    id: "reason",
    title: titles.reason,
    look: "grow",
    cell: ({ reason, label }) => (
      <>
        {reason !== null && <code title={reason.text}>{reason.code}</code>} <LabelMark label={label} />
      </>
    ),
  },
  {
    id: "latency",
    title: titles.latency,
    look: "number",
    cell: ({ latencyMs }) => text.live.ms(formatCount(latencyMs)),
  },
  {
    id: "case",
    title: titles.case,
    cell: ({ caseId }) =>
      caseId === null ? null : (
        <Link to="/cases/$id" params={{ id: caseId }}>
          {text.live.open}
        </Link>
      ),
  },
];

const withTime = (format: (atMs: number) => string): readonly Column<DecisionRow>[] => [
  { id: "at", title: titles.at, cell: ({ decidedAtMs }) => <time>{format(decidedAtMs)}</time> },
  ...COLUMNS,
];
const LIVE = withTime(formatClock);
const PAST = withTime(formatMoment);

interface DecisionTableProps {
  readonly caption: string;
  readonly of: readonly DecisionRow[];
  /** Decisions of the last minutes, so the time of day is enough. */
  readonly isLive?: boolean;
}

export function DecisionTable({ caption, of, isLive = false }: DecisionTableProps) {
  return (
    <DataTable
      caption={caption}
      columns={isLive ? LIVE : PAST}
      rows={of}
      rowKey={({ transactionId }) => transactionId}
    />
  );
}
