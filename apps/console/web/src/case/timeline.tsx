import type { CaseDetail, TimelineEntry } from "#contract/cases";
import type { FraudReportRow } from "#contract/fraud-reports";
import type { PaymentUpdateRow } from "#contract/payment-updates";
import { EntityLink } from "../entity/entity-link.js";
import { formatMoney, formatScore } from "../format/numbers.js";
import { formatMoment, ZONE } from "../format/times.js";
import { PaymentLink } from "../payment/payment-link.js";
import { text } from "../texts/en/cases.js";
import type { Column } from "../ui/data-table.js";
import { DataTable } from "../ui/data-table.js";
import { LabelMark, OutcomeMark } from "../ui/marks.js";
import { Panel } from "../ui/panel.js";

const { timelineColumns: titles } = text.case;

const COLUMNS: readonly Column<TimelineEntry>[] = [
  { id: "when", title: titles.when, cell: ({ atMs }) => <time>{formatMoment(atMs)}</time> },
  { id: "what", title: titles.what, look: "grow", cell: (entry) => <What entry={entry} /> },
  {
    id: "amount",
    title: titles.amount,
    look: "number",
    cell: (entry) => <Amount entry={entry} />,
  },
  {
    id: "terminal",
    title: titles.terminal,
    cell: ({ decision }) => <EntityLink kind="terminal" value={decision.terminalId} />,
  },
  { id: "score", title: titles.score, look: "number", cell: ({ decision }) => formatScore(decision.score) },
];

function amountOf(entry: TimelineEntry) {
  if (entry.kind === "update") return entry.update;
  return entry.kind === "report" ? entry.report : entry.decision;
}

function Amount({ entry }: { readonly entry: TimelineEntry }) {
  const { amountMinor, currency } = amountOf(entry);
  if (entry.kind === "payment" || entry.kind === "label") {
    const { transactionId } = entry.decision;
    return <PaymentLink id={transactionId}>{formatMoney(entry.decision.amountMinor, currency)}</PaymentLink>;
  }
  return amountMinor === null ? null : formatMoney(amountMinor, currency);
}

function Update({ update }: { readonly update: PaymentUpdateRow }) {
  const { kind, declinedBy, issuerCode, finding } = update;
  return (
    <>
      {declinedBy === "tripline" ? text.case.declinedByTripline : text.case.updates[kind]}
      {issuerCode !== "" && <span className="quiet"> {text.case.issuerCode(issuerCode)}</span>}
      {finding !== null && <strong> {text.case.updateFindings[finding]}</strong>}
    </>
  );
}

function Report({ report }: { readonly report: FraudReportRow }) {
  const { kind, stage, reasonCode, reportId, version, isWithdrawn, verdict, finding, matchedBy } = report;
  return (
    <>
      {text.case.reports[kind]}
      {kind === "chargeback" && ` ${text.case.reportStages[stage]}`}
      {isWithdrawn && ` ${text.case.reportWithdrawn}`}
      <span className="quiet">
        {" "}
        {text.case.reportIs(reportId, version, reasonCode)} {text.case.reportCounts[isWithdrawn ? "nothing" : verdict]}
        {matchedBy !== null && ` ${text.case.reportMatched[matchedBy]}`}
      </span>
      {finding !== null && <strong> {text.case.reportFindings[finding]}</strong>}
    </>
  );
}

function What({ entry }: { readonly entry: TimelineEntry }) {
  const { kind, decision, isOfCase } = entry;
  if (kind === "update") return <Update update={entry.update} />;
  if (kind === "report") return <Report report={entry.report} />;
  if (kind === "label") {
    return (
      <>
        <LabelMark label={decision.label} /> {text.case.labelled(decision.label?.source ?? "")}
      </>
    );
  }
  return (
    <>
      <OutcomeMark outcome={decision.outcome} /> {decision.reason !== null && <code>{decision.reason.code}</code>}
      {isOfCase && <span className="quiet"> {text.case.ofCase}</span>}
    </>
  );
}

function keyOf(entry: TimelineEntry): string {
  if (entry.kind === "update") return entry.update.id;
  if (entry.kind === "report") return entry.report.id;
  return `${entry.kind} ${entry.decision.transactionId} ${entry.atMs}`;
}

/** Payments of the card with their labels, updates and fraud reports, newest first. */
export function Timeline({ of }: { readonly of: CaseDetail }) {
  const address = `/api/cases/${encodeURIComponent(of.id)}`;
  return (
    <Panel
      title={text.case.timeline}
      aside={
        <span className="links">
          <a href={`${address}/report.pdf?zone=${encodeURIComponent(ZONE)}`} download>
            {text.case.report}
          </a>
          <a href={`${address}/payments.csv`} download>
            {text.case.export}
          </a>
        </span>
      }
    >
      <TimelineTable caption={text.case.timeline} rows={of.timeline} />
    </Panel>
  );
}

interface TimelineTableProps {
  readonly caption: string;
  readonly rows: readonly TimelineEntry[];
}

export function TimelineTable({ caption, rows }: TimelineTableProps) {
  return (
    <DataTable
      caption={caption}
      columns={COLUMNS}
      rows={rows}
      rowKey={keyOf}
      rowLook={({ isOfCase }) => (isOfCase ? "marked" : "")}
    />
  );
}
