import { useState } from "react";
import { problemFrom } from "../api/request.js";
import { text as app } from "../texts/en/app.js";
import { text } from "../texts/en/policy.js";
import { Button } from "../ui/button.js";
import { Dialog } from "../ui/dialog.js";
import { AreaField, CheckField, TextField } from "../ui/field.js";
import { ProblemNote } from "../ui/states.js";
import { useChangePolicy } from "./use-policy.js";

export function ApproveDialog({ revision, onClose }: { readonly revision: number; readonly onClose: () => void }) {
  const [note, setNote] = useState("");
  const [isUnwatched, setUnwatched] = useState(false);
  const { approve } = useChangePolicy();
  return (
    <Dialog title={text.approveTitle(revision)} description={text.approveDetail} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          approve.mutate({ revision, note, unwatched: isUnwatched }, { onSuccess: onClose });
        }}
      >
        <AreaField label={text.note} value={note} onChange={setNote} />
        <CheckField label={text.approveUnwatched} isChecked={isUnwatched} onChange={setUnwatched} />
        {approve.error !== null && <ProblemNote problem={problemFrom(approve.error)} />}
        <End label={text.approve} isBusy={approve.isPending} onClose={onClose} />
      </form>
    </Dialog>
  );
}

interface ActivateDialogProps {
  readonly revision: number;
  /** The newest activation that the user saw. If there is a newer one, the request is rejected. */
  readonly after: number;
  readonly onClose: () => void;
}

export function ActivateDialog({ revision, after, onClose }: ActivateDialogProps) {
  const [note, setNote] = useState("");
  const [at, setAt] = useState("");
  const [isWatched, setWatched] = useState(true);
  const { activate } = useChangePolicy();
  return (
    <Dialog title={text.activateTitle(revision)} description={text.activateDetail} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const later = at === "" ? {} : { at: new Date(at).toISOString() };
          activate.mutate({ revision, after, note, watched: isWatched, ...later }, { onSuccess: onClose });
        }}
      >
        <AreaField label={text.note} value={note} onChange={setNote} />
        <TextField label={text.later} type="datetime-local" value={at} onChange={setAt} />
        <CheckField label={text.watched} isChecked={isWatched} onChange={setWatched} />
        {!isWatched && <p className="note">{text.unwatchedDetail}</p>}
        {activate.error !== null && <ProblemNote problem={problemFrom(activate.error)} />}
        <End label={text.activate} isBusy={activate.isPending} onClose={onClose} />
      </form>
    </Dialog>
  );
}

interface EndProps {
  readonly label: string;
  readonly isBusy: boolean;
  readonly onClose: () => void;
}

function End({ label, isBusy, onClose }: EndProps) {
  return (
    <div className="actions end">
      <Button onClick={onClose}>{app.cancel}</Button>
      <Button look="primary" type="submit" disabled={isBusy}>
        {label}
      </Button>
    </div>
  );
}
