import type { ArchiveJobs as Jobs } from "#contract/operations";
import { formatCount } from "../format/numbers.js";
import { formatRelative, formatShortMoment, formatTook } from "../format/times.js";
import { text } from "../texts/en/operations.js";
import type { Column } from "../ui/data-table.js";
import { DataTable } from "../ui/data-table.js";
import { Panel } from "../ui/panel.js";

const { archiveColumns: titles, archive: words } = text.health;

interface Job {
  readonly name: string;
  readonly last: { readonly atMs: number; readonly tookMs: number } | null;
  /** The last run that did something. */
  readonly did: string;
  readonly failure: string | null;
}

const COLUMNS: readonly Column<Job>[] = [
  { id: "job", title: titles.job, cell: ({ name }) => name },
  {
    id: "state",
    title: titles.state,
    cell: ({ last, failure }) => (
      <span className={failure !== null ? "tag bad" : last === null ? "tag" : "tag good"}>
        {failure !== null ? words.failing : last === null ? words.notYet : words.done}
      </span>
    ),
  },
  {
    id: "did",
    title: titles.did,
    look: "grow",
    cell: ({ did, failure }) => (failure === null ? did : <span className="late">{failure}</span>),
  },
  { id: "at", title: titles.at, cell: ({ last }) => last !== null && <time>{formatShortMoment(last.atMs)}</time> },
  { id: "took", title: titles.took, look: "number", cell: ({ last }) => last !== null && formatTook(last.tookMs) },
];

/** Writes to the lake, the last merge of its files, the last snapshot and the last publication. */
export function ArchiveJobs({ of, nowMs }: { readonly of: Jobs | null; readonly nowMs: number }) {
  return (
    <Panel title={words.title}>
      {of === null ? (
        <p className="quiet">{words.silent}</p>
      ) : (
        <DataTable caption={words.title} columns={COLUMNS} rows={jobsOf(of, nowMs)} rowKey={({ name }) => name} />
      )}
    </Panel>
  );
}

function jobsOf({ writing, compaction, snapshots, publication }: Jobs, nowMs: number): readonly Job[] {
  const rows = ({ rows: count }: { readonly rows: number }): string => formatCount(count);
  return [
    ...writing.map(({ topic, last, failure }): Job => {
      const did = last === null ? "" : words.wrote(rows(last), last.files);
      return { name: words.writes(topic), last, did, failure };
    }),
    {
      name: words.merges,
      last: compaction,
      failure: compaction?.failure ?? null,
      did: compaction === null ? "" : words.merged({ ...compaction, rows: rows(compaction) }),
    },
    ...(snapshots === null ? [] : [snapshotJobOf(snapshots, nowMs)]),
    ...(publication === null ? [] : [publicationJobOf(publication)]),
  ];
}

function snapshotJobOf({ newestAtMs, intervalHours, last }: NonNullable<Jobs["snapshots"]>, nowMs: number): Job {
  const age = newestAtMs === null ? words.noSnapshot : formatRelative(newestAtMs, nowMs);
  const failure = last?.failure ?? null;
  const newest = newestAtMs === null ? age : words.snapshot(age, formatCount(last?.states ?? 0));
  return {
    name: words.snapshots,
    last,
    did: intervalHours === 0 && newestAtMs === null ? words.snapshotsOff : newest,
    failure: failure === null ? null : words.snapshotFailed(failure, age),
  };
}

function publicationJobOf({ tables, files, failure, ...last }: NonNullable<Jobs["publication"]>): Job {
  return { name: words.publications, last, did: words.published(formatCount(files), tables), failure };
}
