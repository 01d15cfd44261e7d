import type { CaseDetail, CaseRow } from "#contract/cases";
import { VERDICT_REASONS } from "#contract/cases";
import { useDraft } from "../app/keep-draft.js";
import { REASON_WORDS, text } from "../texts/en/cases.js";
import { ChoiceField } from "../ui/choice-field.js";
import { AreaField } from "../ui/field.js";
import { FormDialog } from "../ui/form-dialog.js";
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
    <FormDialog
      title={text.verdict.title[verdict]}
      description={text.verdict.explain(of.payments)}
      submit={text.verdict.submit[verdict]}
      change={change}
      retry={{ onRetry: reload, retryLabel: text.case.reload }}
      onSubmit={() => change.mutate({ to: "verdict", body: { verdict, reason, note } }, { onSuccess: done })}
      onClose={onClose}
    >
      <ChoiceField
        label={text.verdict.reason}
        options={reasons.map((one) => [one, REASON_WORDS[one] ?? one])}
        value={reason}
        onChange={setReason}
      />
      {of.needsSecondUser && <p className="note">{text.verdict.needsSecond}</p>}
      <AreaField label={text.verdict.note} value={note} maxLength={NOTE_CHARACTERS_MAX} onChange={setNote} />
    </FormDialog>
  );
}
