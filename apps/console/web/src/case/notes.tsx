import type { CaseDetail } from "#contract/cases";
import { problemFrom } from "../api/request.js";
import { useDraft } from "../app/keep-draft.js";
import { useMay } from "../app/session.js";
import { formatMoment } from "../format/times.js";
import { text } from "../texts/en/cases.js";
import { Button } from "../ui/button.js";
import { AreaField } from "../ui/field.js";
import { Panel } from "../ui/panel.js";
import { ProblemNote } from "../ui/states.js";
import { useAddNote } from "./use-case.js";

const NOTE_CHARACTERS_MAX = 2_000;

export function Notes({ of }: { readonly of: CaseDetail }) {
  const may = useMay();
  return (
    <Panel title={text.case.notes}>
      {of.notes.length === 0 && <p className="quiet">{text.case.noNotes}</p>}
      <ul className="notes">
        {of.notes.map(({ id, author, text: note, atMs }) => (
          <li key={id}>
            <p className="note-text">{note}</p>
            <p className="quiet">
              {author.name}, <time>{formatMoment(atMs)}</time>
            </p>
          </li>
        ))}
      </ul>
      {may("cases:write") && <NewNote caseId={of.id} />}
    </Panel>
  );
}

function NewNote({ caseId }: { readonly caseId: string }) {
  const [typed, setTyped, drop] = useDraft(`note ${caseId}`, "");
  const add = useAddNote(caseId);
  const save = (): void => {
    if (typed.trim() !== "" && !add.isPending) add.mutate(typed.trim(), { onSuccess: () => void drop(typed) });
  };
  return (
    <form
      id="new-note"
      className="new-note"
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
    >
      <AreaField
        label={text.case.noteLabel}
        value={typed}
        maxLength={NOTE_CHARACTERS_MAX}
        onChange={setTyped}
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) save();
          if (event.key === "Escape") event.currentTarget.blur();
        }}
      />
      {add.isPaused && <p role="status">{text.case.noteHeld}</p>}
      {add.error !== null && <ProblemNote problem={problemFrom(add.error)} />}
      <div className="actions end">
        <Button type="submit" disabled={add.isPending || typed.trim() === ""}>
          {text.case.addNote}
        </Button>
      </div>
    </form>
  );
}
