import type { CaseDetail } from "#contract/cases";
import { problemFrom } from "../api/request.js";
import { useDraft } from "../app/keep-draft.js";
import { text as app } from "../texts/en/app.js";
import { text } from "../texts/en/cases.js";
import { Button } from "../ui/button.js";
import { Dialog } from "../ui/dialog.js";
import { AreaField } from "../ui/field.js";
import { ProblemNote } from "../ui/states.js";
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
    <Dialog title={text.escalate.title} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          change.mutate({ to: "escalate", body: { note } }, { onSuccess: done });
        }}
      >
        <AreaField label={text.escalate.note} required value={note} onChange={setNote} />
        {change.error !== null && (
          <ProblemNote problem={problemFrom(change.error)} onRetry={reload} retryLabel={text.case.reload} />
        )}
        <div className="actions end">
          <Button onClick={onClose}>{app.cancel}</Button>
          <Button look="primary" type="submit" disabled={change.isPending || note.trim() === ""}>
            {text.escalate.submit}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
