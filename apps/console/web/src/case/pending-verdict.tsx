import { useState } from "react";
import type { CaseDetail, CaseRow } from "#contract/cases";
import { problemFrom } from "../api/request.js";
import { useDraft } from "../app/keep-draft.js";
import { useMay, useSession } from "../app/session.js";
import { useNow } from "../app/use-now.js";
import { formatRelative } from "../format/times.js";
import { REASON_WORDS, text } from "../texts/en/cases.js";
import { Button } from "../ui/button.js";
import { AreaField } from "../ui/field.js";
import { FormDialog } from "../ui/form-dialog.js";
import { ProblemNote } from "../ui/states.js";
import { useCaseChange, useReload } from "./use-case.js";

interface PendingVerdictProps {
  readonly of: CaseDetail;
  readonly pending: NonNullable<CaseDetail["pendingVerdict"]>;
  readonly onDecided: (row: CaseRow) => void;
}

/** A verdict above the limit for a single user, so another user must confirm or reject it. */
export function PendingVerdict({ of, pending, onDecided }: PendingVerdictProps) {
  const { verdict, reason, by, atMs } = pending;
  const { person } = useSession();
  const may = useMay();
  const nowMs = useNow();
  const [isRefusing, setRefusing] = useState(false);
  const change = useCaseChange(of);
  const reload = useReload(of.id);
  const isMine = by.id === person.id;
  const word = text.case.actions[verdict];
  return (
    <section className="pending" aria-label={text.verdict.title[verdict]}>
      <p>
        {text.verdict.pending(word, REASON_WORDS[reason] ?? reason, by.name, formatRelative(atMs, nowMs))}{" "}
        {isMine ? text.verdict.pendingMine : text.verdict.pendingOther}
      </p>
      {isMine && may("labels:write") && (
        <div className="actions">
          <Button
            disabled={change.isPending}
            onClick={() => change.mutate({ to: "verdict/refuse", body: { note: "" } })}
          >
            {text.verdict.withdraw}
          </Button>
        </div>
      )}
      {!isMine && may("labels:write") && (
        <div className="actions">
          <Button
            look="primary"
            disabled={change.isPending}
            onClick={() =>
              change.mutate({ to: "verdict", body: { verdict, reason, note: "" } }, { onSuccess: onDecided })
            }
          >
            {text.verdict.confirm}
          </Button>
          <Button onClick={() => setRefusing(true)}>{text.verdict.refuse}</Button>
        </div>
      )}
      {change.error !== null && (
        <ProblemNote problem={problemFrom(change.error)} onRetry={reload} retryLabel={text.case.reload} />
      )}
      {isRefusing && <RefuseDialog of={of} onClose={() => setRefusing(false)} />}
    </section>
  );
}

function RefuseDialog({ of, onClose }: { readonly of: CaseDetail; readonly onClose: () => void }) {
  const [note, setNote, drop] = useDraft(`refuse ${of.id}`, "");
  const change = useCaseChange(of);
  return (
    <FormDialog
      title={text.verdict.refuseTitle}
      submit={text.verdict.refuse}
      change={change}
      isReady={note.trim() !== ""}
      onSubmit={() => {
        const done = (): void => {
          drop(note);
          onClose();
        };
        change.mutate({ to: "verdict/refuse", body: { note } }, { onSuccess: done });
      }}
      onClose={onClose}
    >
      <AreaField label={text.verdict.refuseNote} required value={note} onChange={setNote} />
    </FormDialog>
  );
}
