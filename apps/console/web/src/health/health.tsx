import type { ConsumerLag, DeadLetters as DeadLetterCount, HealthReport, ServiceHealth } from "#contract/operations";
import { Screen } from "../app/screen.js";
import { useMay } from "../app/session.js";
import { formatCount, formatShare } from "../format/numbers.js";
import { formatClock } from "../format/times.js";
import { text as cases } from "../texts/en/cases.js";
import { text } from "../texts/en/operations.js";
import type { Column } from "../ui/data-table.js";
import { DataTable } from "../ui/data-table.js";
import { Bar, Panel } from "../ui/panel.js";
import { Loaded } from "../ui/states.js";
import { ArchiveJobs } from "./archive-jobs.js";
import { DeadLetters } from "./dead-letters.js";
import { Erasures } from "./erasures.js";
import { TrainingJob } from "./training-job.js";
import { useHealth } from "./use-operations.js";

const LAG_MUCH = 10_000;

export function Health() {
  const may = useMay();
  const query = useHealth();
  return (
    <Screen
      title={text.health.title}
      aside={
        query.data !== undefined && <span className="quiet steady">{text.health.at(formatClock(query.data.atMs))}</span>
      }
    >
      <Loaded query={query}>
        {(report) => (
          <>
            <Report of={report} />
            <ArchiveJobs of={report.archive} nowMs={report.atMs} />
          </>
        )}
      </Loaded>
      {/* Later, so that the report does not push them down. */}
      {may("operations:read") && query.isFetched && (
        <>
          <DeadLetters />
          <Erasures />
        </>
      )}
    </Screen>
  );
}

const SERVICES: readonly Column<ServiceHealth>[] = [
  { id: "service", title: text.health.service, cell: ({ name }) => name },
  {
    id: "state",
    title: text.health.state,
    cell: ({ isReady }) =>
      isReady ? (
        <span className="tag good">{text.health.ready}</span>
      ) : (
        <span className="tag bad">{text.health.notReady}</span>
      ),
  },
  {
    id: "detail",
    title: text.health.detail,
    look: "grow",
    cell: ({ detail, works }) => (
      <>
        {detail !== null && <p className="late">{detail}</p>}
        {works.length > 0 && <span className="quiet">{text.health.works(works)}</span>}
      </>
    ),
  },
];

const LAG: readonly Column<ConsumerLag>[] = [
  { id: "group", title: text.health.group, look: "grow", cell: ({ group }) => group },
  { id: "topic", title: text.health.topic, cell: ({ topic }) => <code>{topic}</code> },
  {
    id: "records",
    title: text.health.behind,
    look: "number",
    cell: ({ records }) =>
      records > LAG_MUCH ? <span className="late">{formatCount(records)}</span> : formatCount(records),
  },
];

const DEAD: readonly Column<DeadLetterCount>[] = [
  { id: "topic", title: text.health.topic, look: "grow", cell: ({ topic }) => <code>{topic}</code> },
  { id: "records", title: text.health.records, look: "number", cell: ({ records }) => formatCount(records) },
];

function Report({ of }: { readonly of: HealthReport }) {
  const may = useMay();
  const dead = of.deadLetters.filter(({ records }) => records > 0);
  return (
    <div className="two">
      <Panel title={text.health.services}>
        <DataTable caption={text.health.services} columns={SERVICES} rows={of.services} rowKey={({ name }) => name} />
      </Panel>
      <div className="stack">
        <Rungs of={of.rungs} />
        {!may("operations:read") && <DeadCounts of={dead} />}
        {may("operations:read") && <TrainingJob />}
      </div>
      <Panel title={text.health.lag}>
        {of.lag.length === 0 ? (
          <p className="quiet">{text.health.noLag}</p>
        ) : (
          <DataTable
            caption={text.health.lag}
            columns={LAG}
            rows={of.lag}
            rowKey={({ group, topic }) => `${group} ${topic}`}
          />
        )}
      </Panel>
    </div>
  );
}

/** Counts of dead letters, for users who may not see the dead letters themselves. */
function DeadCounts({ of }: { readonly of: readonly DeadLetterCount[] }) {
  return (
    <Panel title={text.health.dead}>
      {of.length === 0 ? (
        <p className="quiet">{text.health.noDead}</p>
      ) : (
        <>
          <p>{text.health.deadDetail}</p>
          <DataTable caption={text.health.dead} columns={DEAD} rows={of} rowKey={({ topic }) => topic} />
        </>
      )}
    </Panel>
  );
}

const RUNG_WORDS: Readonly<Record<string, string>> = cases.case.rungs;

function Rungs({ of }: { readonly of: HealthReport["rungs"] }) {
  const total = Object.values(of).reduce((sum, count) => sum + count, 0);
  return (
    <Panel title={text.health.rungs}>
      {total === 0 && <p className="quiet">{text.health.noRungs}</p>}
      <ul className="mix">
        {Object.entries(of).map(([rung, count]) => (
          <li key={rung}>
            <span>{RUNG_WORDS[rung] ?? rung}</span>
            <Bar size={count === 0 ? -1 : count / total} look="" />
            <span>{formatShare(total === 0 ? null : count / total)}</span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
