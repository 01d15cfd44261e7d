import { useMemo } from "react";
import type { ConsumerLag } from "#contract/operations";
import type { Erasures as ErasuresOf } from "../api/control.js";
import { formatCount } from "../format/numbers.js";
import { formatShortMoment } from "../format/times.js";
import { text } from "../texts/en/operations.js";
import type { Column } from "../ui/data-table.js";
import { DataTable } from "../ui/data-table.js";
import { Panel } from "../ui/panel.js";
import { Loaded } from "../ui/states.js";
import { useErasures, useHealth } from "./use-operations.js";

type Erasure = ErasuresOf["erasures"][number];

const TOPIC = "erasures";
const { erasureColumns: titles } = text.health;

const SUBJECT: Column<Erasure> = {
  id: "subject",
  title: titles.subject,
  look: "grow",
  cell: ({ subject }) => <code className="token">{subject}</code>,
};
const TIMES: readonly Column<Erasure>[] = [
  { id: "at", title: titles.at, cell: ({ erased_at }) => <time>{formatShortMoment(Date.parse(erased_at))}</time> },
  {
    id: "published",
    title: titles.published,
    cell: ({ is_published, published_at }) =>
      published_at !== null ? (
        <time>{formatShortMoment(Date.parse(published_at))}</time>
      ) : (
        <span className={is_published ? "tag good" : "tag bad"}>
          {is_published ? text.health.erasurePublished : text.health.erasureWaiting}
        </span>
      ),
  },
];

/** Erasures and the services that have completed them. */
export function Erasures() {
  const query = useErasures();
  const health = useHealth();
  return (
    <Panel title={text.health.erasures}>
      <Loaded query={query} lines={2}>
        {(of) =>
          of.total === 0 ? (
            <p className="quiet">{text.health.noErasures}</p>
          ) : (
            <>
              <p>{text.health.erasureTotals(formatCount(of.total), formatCount(of.unpublished))}</p>
              <Notified of={of.erasures} lag={health.data?.lag ?? []} />
            </>
          )
        }
      </Loaded>
    </Panel>
  );
}

function Notified({ of, lag }: { readonly of: readonly Erasure[]; readonly lag: readonly ConsumerLag[] }) {
  const columns = useMemo(() => {
    const published = of
      .filter(({ is_published }) => is_published)
      .toSorted((left, right) => publishedMs(right) - publishedMs(left));
    const services = lag.filter(({ topic }) => topic === TOPIC);
    return [
      SUBJECT,
      ...TIMES,
      ...services.map(({ group, records }) => partOf(group, new Set(published.slice(records)))),
    ];
  }, [of, lag]);
  return (
    <DataTable
      caption={text.health.erasures}
      columns={columns}
      rows={of}
      rowKey={({ subject, erased_at }) => `${subject} ${erased_at}`}
    />
  );
}

/** An erasure without a time is older than this column and is sorted first. */
const publishedMs = ({ published_at }: Erasure): number => (published_at === null ? 0 : Date.parse(published_at));

/** A service handles erasures in order, so if its lag is N, it has not yet completed the newest N erasures. */
function partOf(group: string, done: ReadonlySet<Erasure>): Column<Erasure> {
  const cell = (erasure: Erasure) => (
    <span className={done.has(erasure) ? "tag good" : "tag bad"}>
      {done.has(erasure) ? text.health.erasureDone : text.health.erasureOpen}
    </span>
  );
  return { id: group, title: group.replace(/-?erasures$/, ""), cell };
}
