import { useState } from "react";
import type { CaseRow } from "#contract/cases";
import { problemFrom } from "../api/request.js";
import { useMay, useSession } from "../app/session.js";
import { text } from "../texts/en/cases.js";
import { Button } from "../ui/button.js";
import { ProblemNote } from "../ui/states.js";
import { keepVerdict } from "../undo/decided.js";
import { BulkVerdictDialog } from "./bulk-verdict-dialog.js";
import type { BulkChange } from "./use-cases.js";
import { useBulkChange } from "./use-cases.js";

const SNOOZE_MS = 4 * 3_600_000;

/**
 * Applies a change to all selected cases and shows the result. Lists each rejected case, even if it is no longer
 * in the queue.
 */
export function BulkBar({ cases, onDone }: { readonly cases: readonly CaseRow[]; readonly onDone: () => void }) {
  const { person } = useSession();
  const may = useMay();
  const bulk = useBulkChange();
  const refused = bulk.data?.refused ?? [];
  const hasNews = bulk.error !== null || bulk.data !== undefined;
  const [isClosing, setClosing] = useState(false);
  if (!may("cases:write") || (cases.length === 0 && !hasNews)) return null;
  const change = (wanted: BulkChange): void =>
    bulk.mutate(
      { cases, change: wanted },
      {
        onSuccess: ({ changed, refused }) => {
          if (wanted.verdict !== undefined) keepVerdict(changed, wanted.verdict.verdict);
          if (refused.length === 0) onDone();
        },
      },
    );
  return (
    <section className="bulk" aria-label={text.queue.bulk.label}>
      <div className="actions">
        {cases.length > 0 && (
          <>
            <strong>{text.queue.selected(cases.length)}</strong>
            <Button disabled={bulk.isPending} onClick={() => change({ assign: { assignee: person.id } })}>
              {text.queue.bulk.assign}
            </Button>
            <Button disabled={bulk.isPending} onClick={() => change({ assign: { assignee: null } })}>
              {text.queue.bulk.free}
            </Button>
            <Button disabled={bulk.isPending} onClick={() => change({ snooze: { untilMs: Date.now() + SNOOZE_MS } })}>
              {text.queue.bulk.snooze}
            </Button>
            {may("labels:write") && (
              <Button disabled={bulk.isPending} onClick={() => setClosing(true)}>
                {text.queue.bulk.genuine}
              </Button>
            )}
          </>
        )}
        <Button
          look="quiet"
          onClick={() => {
            bulk.reset();
            onDone();
          }}
        >
          {text.queue.bulk.clear}
        </Button>
      </div>
      {bulk.error !== null && <ProblemNote problem={problemFrom(bulk.error)} />}
      {bulk.data !== undefined && refused.length === 0 && (
        <p role="status">{text.queue.changed(bulk.data.changed.length)}.</p>
      )}
      {bulk.data !== undefined && refused.length > 0 && (
        <div role="alert">
          <p>
            {text.queue.changed(bulk.data.changed.length)}. {text.queue.refused(refused.length)}:
          </p>
          <ul>
            {refused.map(({ id, detail }) => (
              <li key={id}>
                <code>{id}</code> {detail}
              </li>
            ))}
          </ul>
        </div>
      )}
      {isClosing && <BulkVerdictDialog count={cases.length} onConfirm={change} onClose={() => setClosing(false)} />}
    </section>
  );
}
