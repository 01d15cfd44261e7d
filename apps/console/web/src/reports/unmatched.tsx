import { useMemo, useRef, useState } from "react";
import type { CandidatePayment, UnmatchedReport, UnmatchedState } from "#contract/fraud-reports";
import { useShortcuts } from "../app/shortcuts.js";
import { useNow } from "../app/use-now.js";
import { formatCount, formatMoney } from "../format/numbers.js";
import { formatMoment, formatPaid, formatSpan } from "../format/times.js";
import { PaymentLink } from "../payment/payment-link.js";
import { text as app } from "../texts/en/app.js";
import { text } from "../texts/en/reports.js";
import { Button } from "../ui/button.js";
import type { Column } from "../ui/data-table.js";
import { DataTable } from "../ui/data-table.js";
import { SelectField } from "../ui/field.js";
import { Token } from "../ui/marks.js";
import { Panel } from "../ui/panel.js";
import { Empty, Loaded } from "../ui/states.js";
import { ReportDialog } from "./report-dialog.js";
import { kindOf } from "./report-kind.js";
import { ROWS_MAX, useUnmatched } from "./use-reports.js";

const { unmatched: words } = text;
/** Reports that need a user come first. */
const STATES = ["ambiguous", "waiting", "expired"] as const;

interface Matched {
  readonly report: UnmatchedReport;
  readonly payment: CandidatePayment;
}

/** Reports that Tripline could not match, oldest first, and the report that the user opened. */
export function Unmatched() {
  const [state, setState] = useState<UnmatchedState>("ambiguous");
  const [opened, setOpened] = useState<UnmatchedReport>();
  const [matched, setMatched] = useState<Matched>();
  return (
    <Panel
      title={words.title}
      aside={
        <SelectField
          label={words.state}
          value={state}
          options={STATES.map((one) => [one, words.states[one]])}
          onChange={(one) => setState(STATES.find((known) => known === one) ?? "ambiguous")}
        />
      }
    >
      <p className="quiet">{words.stateDetails[state]}</p>
      <p role="status" className="said">
        {matched !== undefined && (
          <>
            {words.matched(matched.report.reportId)}{" "}
            <PaymentLink id={matched.payment.transactionId}>{matched.payment.clientTransactionId}</PaymentLink>.
          </>
        )}
      </p>
      <Rows key={state} state={state} onOpen={setOpened} />
      {opened !== undefined && (
        <ReportDialog
          of={opened}
          onMatched={(payment) => {
            setMatched({ report: opened, payment });
            setOpened(undefined);
          }}
          onClose={() => setOpened(undefined)}
        />
      )}
    </Panel>
  );
}

interface RowsProps {
  readonly state: UnmatchedState;
  readonly onOpen: (report: UnmatchedReport) => void;
}

function Rows({ state, onOpen }: RowsProps) {
  const query = useUnmatched(state);
  const nowMs = useNow();
  const frame = useRowKeys();
  const rows = useMemo(() => query.data?.pages.flatMap(({ reports }) => reports) ?? [], [query.data]);
  const columns = useMemo(() => columnsOf(nowMs, onOpen), [nowMs, onOpen]);
  const isCut = !query.hasNextPage && (query.data?.pages.at(-1)?.next ?? null) !== null;
  return (
    <Loaded query={query}>
      {() =>
        rows.length === 0 ? (
          <Empty title={words.none[state]}>{words.noneDetail}</Empty>
        ) : (
          <div ref={frame}>
            <DataTable caption={words.title} columns={columns} rows={rows} rowKey={({ id }) => id} />
            {query.hasNextPage && (
              <Button disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
                {app.more}
              </Button>
            )}
            {isCut && <p className="quiet">{words.cut(formatCount(ROWS_MAX))}</p>}
          </div>
        )
      }
    </Loaded>
  );
}

/** `j` and `k` move the focus between the buttons of the rows; Enter presses the focused one. */
function useRowKeys() {
  const frame = useRef<HTMLDivElement>(null);
  const move = (by: number): void => {
    const buttons = [...(frame.current?.querySelectorAll<HTMLElement>("tbody button") ?? [])];
    const { activeElement } = document;
    const at = activeElement instanceof HTMLElement ? buttons.indexOf(activeElement) : -1;
    buttons[Math.max(0, Math.min(at + by, buttons.length - 1))]?.focus();
  };
  useShortcuts({ j: () => move(1), k: () => move(-1) });
  return frame;
}

function columnsOf(nowMs: number, onOpen: RowsProps["onOpen"]): readonly Column<UnmatchedReport>[] {
  return [
    {
      id: "age",
      title: words.age,
      cell: ({ reportedAtMs }) => (
        <time title={formatMoment(reportedAtMs)}>{formatSpan(Math.max(0, nowMs - reportedAtMs))}</time>
      ),
    },
    {
      id: "report",
      title: words.report,
      look: "grow",
      cell: (report) => (
        <Button aria-label={words.openOne(report.reportId)} onClick={() => onOpen(report)}>
          {report.reportId}
        </Button>
      ),
    },
    { id: "kind", title: words.kind, cell: kindOf },
    {
      id: "amount",
      title: words.amount,
      look: "number",
      cell: ({ amountMinor, currency }) => formatMoney(amountMinor, currency),
    },
    {
      id: "paid",
      title: words.paid,
      look: "wide",
      cell: ({ occurredAtMs }) => <time>{formatPaid(occurredAtMs)}</time>,
    },
    { id: "reference", title: words.reference, look: "wide", cell: ({ acquirerReference }) => acquirerReference },
    { id: "card", title: words.card, look: "wide", cell: ({ card }) => card !== "" && <Token value={card} /> },
    { id: "state", title: words.state, cell: ({ state }) => <span className="tag">{words.states[state]}</span> },
  ];
}
