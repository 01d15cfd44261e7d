import type { CaseDetail, CaseRow } from "#contract/cases";
import { VERDICT_REASONS } from "#contract/cases";
import { problemFrom } from "../api/request.js";
import { useDraft } from "../app/keep-draft.js";
import { text as app } from "../texts/en/app.js";
import { REASON_WORDS, text } from "../texts/en/cases.js";
import { Button } from "../ui/button.js";
import { ChoiceField } from "../ui/choice-field.js";
import { Dialog } from "../ui/dialog.js";
import { AreaField } from "../ui/field.js";
import { ProblemNote } from "../ui/states.js";
import { useCaseChange, useReload } from "./use-case.js";

const NOTE_CHARACTERS_MAX = 1_000;

interface VerdictDialogProps {
  readonly of: CaseDetail;
  readonly verdict: "fraud" | "genuine";
  readonly onClose: () => void;
  readonly onDecided: (row: CaseRow) => void;
}

/** Asks for a verdict, fraud or genuine, and a reason. Input is kept until it is saved. */
export function VerdictDialog({ of, verdict, onClose, onDecided }: VerdictDialogProps) {
  const reasons: readonly string[] = VERDICT_REASONS[verdict];
  const [reason, setReason, dropReason] = useDraft(`verdict ${verdict} ${of.id}`, "");
  const [note, setNote, dropNote] = useDraft(`verdict note ${of.id}`, "");
  const change = useCaseChange(of);
  const reload = useReload(of.id);
  const done = (row: CaseRow): void => {
    dropReason(reason);
    dropNote(note);
    onClose();
    onDecided(row);
  };
  return (
    <Dialog title={text.verdict.title[verdict]} description={text.verdict.explain(of.payments)} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          change.mutate({ to: "verdict", body: { verdict, reason, note } }, { onSuccess: done });
        }}
      >
        <ChoiceField
          label={text.verdict.reason}
          options={reasons.map((one) => [one, REASON_WORDS[one] ?? one])}
          value={reason}
          onChange={setReason}
        />
        {of.needsSecondUser && <p className="note">{text.verdict.needsSecond}</p>}
        <AreaField label={text.verdict.note} value={note} maxLength={NOTE_CHARACTERS_MAX} onChange={setNote} />
        {change.error !== null && (
          <ProblemNote problem={problemFrom(change.error)} onRetry={reload} retryLabel={text.case.reload} />
        )}
        <div className="actions end">
          <Button onClick={onClose}>{app.cancel}</Button>
          <Button look="primary" type="submit" disabled={change.isPending}>
            {text.verdict.submit[verdict]}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
