import type { CaseDetail } from "#contract/cases";
import { useDraft } from "../app/keep-draft.js";
import { text } from "../texts/en/cases.js";
import { AreaField } from "../ui/field.js";
import { FormDialog } from "../ui/form-dialog.js";
import { useCaseChange, useReload } from "./use-case.js";

export function EscalateDialog({ of, onClose }: { readonly of: CaseDetail; readonly onClose: () => void }) {
  const [note, setNote, drop] = useDraft(`escalate ${of.id}`, "");
  const change = useCaseChange(of);
  const reload = useReload(of.id);
  const done = (): void => {
    drop(note);
    onClose();
  };
  return (
    <FormDialog
      title={text.escalate.title}
      submit={text.escalate.submit}
      change={change}
      isReady={note.trim() !== ""}
      retry={{ onRetry: reload, retryLabel: text.case.reload }}
      onSubmit={() => change.mutate({ to: "escalate", body: { note } }, { onSuccess: done })}
      onClose={onClose}
    >
      <AreaField label={text.escalate.note} required value={note} onChange={setNote} />
    </FormDialog>
  );
}
