import type { Erasures as ErasuresOf } from "../api/control.js";
import { formatCount } from "../format/numbers.js";
import { formatShortMoment } from "../format/times.js";
import { text } from "../texts/en/operations.js";
import type { Column } from "../ui/data-table.js";
import { DataTable } from "../ui/data-table.js";
import { Panel } from "../ui/panel.js";
import { Loaded } from "../ui/states.js";
import { useErasures } from "./use-operations.js";

type Erasure = ErasuresOf["erasures"][number];

const { erasureColumns: titles } = text.health;

const COLUMNS: readonly Column<Erasure>[] = [
  {
    id: "subject",
    title: titles.subject,
    look: "grow",
    cell: ({ subject }) => <code className="token">{subject}</code>,
  },
  {
    id: "state",
    title: titles.state,
    cell: ({ is_published }) =>
      is_published ? (
        <span className="tag good">{text.health.erasureTold}</span>
      ) : (
        <span className="tag bad">{text.health.erasureWaiting}</span>
      ),
  },
  { id: "at", title: titles.at, cell: ({ erased_at }) => <time>{formatShortMoment(Date.parse(erased_at))}</time> },
];

/** Whose keys were destroyed, and whether the services know of it. */
export function Erasures() {
  const query = useErasures();
  return (
    <Panel title={text.health.erasures}>
      <Loaded query={query} lines={2}>
        {({ total, unpublished, erasures }) =>
          total === 0 ? (
            <p className="quiet">{text.health.noErasures}</p>
          ) : (
            <>
              <p>{text.health.erasureTotals(formatCount(total), formatCount(unpublished))}</p>
              <DataTable
                caption={text.health.erasures}
                columns={COLUMNS}
                rows={erasures}
                rowKey={({ subject, erased_at }) => `${subject} ${erased_at}`}
              />
            </>
          )
        }
      </Loaded>
    </Panel>
  );
}
