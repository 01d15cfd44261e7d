import type { TrainingJob as Job } from "../api/control.js";
import { formatMoment } from "../format/times.js";
import { text } from "../texts/en/operations.js";
import { Facts, Panel } from "../ui/panel.js";
import { Loaded } from "../ui/states.js";
import { useJobs } from "./use-operations.js";

const { job: words } = text.health;

/** The worker reports after each check of the lake, every five minutes. Retraining takes longer. */
const SILENT_MS = 3_600_000;

/** State of the training worker from its last report. */
export function TrainingJob() {
  const query = useJobs();
  return (
    <Panel title={text.health.jobs}>
      <Loaded query={query} lines={3}>
        {({ training }) =>
          training === null ? <p className="quiet">{text.health.noJobs}</p> : <Report of={training} />
        }
      </Loaded>
    </Panel>
  );
}

function Report({ of: { facts, reported_at } }: { readonly of: Job }) {
  const reportedMs = Date.parse(reported_at);
  const { drift, challenger, failure } = facts;
  return (
    <>
      {failure !== null && <p className="late">{failure}</p>}
      <Facts
        isListed
        of={[
          [words.state, <State key="state" failure={failure} isSilent={Date.now() - reportedMs > SILENT_MS} />],
          [words.reported, formatMoment(reportedMs)],
          [words.model, facts.model],
          [words.drift, drift === null ? words.noDrift : drift.day],
          [words.judged, facts.judged_to ?? words.none],
          [words.last, facts.last_retraining ?? words.none],
          [words.next, facts.next_retraining ?? words.none],
          [
            words.challenger,
            challenger === null ? words.none : words.stage(challenger.version, challenger.stage ?? words.notStarted),
          ],
        ]}
      />
      {drift !== null && <p>{drift.sentence}</p>}
    </>
  );
}

function State({ failure, isSilent }: { readonly failure: string | null; readonly isSilent: boolean }) {
  if (isSilent) return <span className="tag bad">{words.late}</span>;
  if (failure !== null) return <span className="tag bad">{words.failing}</span>;
  return <span className="tag good">{words.well}</span>;
}
