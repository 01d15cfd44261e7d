import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Work as Found, WorkFigures } from "#contract/work";
import { useMay } from "../app/session.js";
import { useNow } from "../app/use-now.js";
import { formatCount, formatShare, UNKNOWN } from "../format/numbers.js";
import { formatSpan } from "../format/times.js";
import { text } from "../texts/en/work.js";
import type { Column } from "../ui/data-table.js";
import { DataTable } from "../ui/data-table.js";
import { OutcomeMark } from "../ui/marks.js";
import { Panel } from "../ui/panel.js";
import { Loaded } from "../ui/states.js";
import type { Range } from "./overview-search.js";
import { shareOf } from "./show-figures.js";
import { useWork } from "./use-overview.js";

/** How many cases wait, for how long, and who works on them. */
export function Work({ range }: { readonly range: Range }) {
  return (
    <Panel title={text.title} className="work">
      <Loaded query={useWork(range)}>{(found) => <Figures of={found} />}</Loaded>
    </Panel>
  );
}

function Figures({ of }: { readonly of: Found }) {
  const may = useMay();
  const { total, unassigned, snoozed, oldestOpenedAtMs, outcomes, users, days } = of;
  const ageMs = useNow() - (oldestOpenedAtMs ?? 0);
  const late = formatCount(total.late);
  return (
    <>
      <dl className="figures">
        <Figure title={text.open} also={text.waiting(formatCount(unassigned), formatCount(snoozed))}>
          {formatCount(total.open)}
        </Figure>
        <Figure title={text.late} also={text.ofOpen(formatShare(shareOf(total.late, total.open)))}>
          {may("cases:read") ? (
            <Link to="/queue" search={{ overdue: true }}>
              {late}
            </Link>
          ) : (
            late
          )}
        </Figure>
        <Figure title={text.oldest}>{oldestOpenedAtMs === null ? UNKNOWN : formatSpan(ageMs)}</Figure>
        <Figure title={text.closed} also={text.inDays(days)}>
          {formatCount(total.closed)}
        </Figure>
        <Figure title={text.onTime} also={text.beforeDue}>
          {onTimeOf(total)}
        </Figure>
        <Figure title={text.median} also={text.medianDetail}>
          {medianOf(total)}
        </Figure>
      </dl>
      <DataTable
        caption={text.byOutcome}
        rows={outcomes}
        rowKey={({ outcome }) => outcome}
        columns={[
          { id: "outcome", title: text.outcome, cell: ({ outcome }) => <OutcomeMark outcome={outcome} /> },
          ...COLUMNS,
        ]}
      />
      {users.length > 0 && (
        <DataTable
          caption={text.byUser}
          rows={users}
          rowKey={({ person }) => person.id}
          columns={[{ id: "user", title: text.user, look: "grow", cell: ({ person }) => person.name }, ...COLUMNS]}
        />
      )}
      <p className="quiet">{text.note}</p>
    </>
  );
}

const onTimeOf = ({ closed, onTime }: WorkFigures): string => formatShare(shareOf(onTime, closed));
const medianOf = ({ medianMs }: WorkFigures): string => (medianMs === null ? UNKNOWN : formatSpan(medianMs));

type Line = { readonly figures: WorkFigures };
const column = (id: string, title: string, cell: (figures: WorkFigures) => ReactNode): Column<Line> => {
  return { id, title, look: "number", cell: ({ figures }) => cell(figures) };
};
const COLUMNS: readonly Column<Line>[] = [
  column("open", text.open, ({ open }) => formatCount(open)),
  column("late", text.late, ({ late }) => formatCount(late)),
  column("closed", text.closed, ({ closed }) => formatCount(closed)),
  column("onTime", text.onTime, onTimeOf),
  column("median", text.median, medianOf),
];

interface FigureProps {
  readonly title: string;
  readonly also?: string;
  readonly children: ReactNode;
}

function Figure({ title, also, children }: FigureProps) {
  return (
    <div className="figure">
      <dt>{title}</dt>
      <dd>{children}</dd>
      {also !== undefined && <dd className="also">{also}</dd>}
    </div>
  );
}
