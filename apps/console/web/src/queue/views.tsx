import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { problemFrom } from "../api/request.js";
import { text } from "../texts/en/cases.js";
import { Button } from "../ui/button.js";
import { TextField } from "../ui/field.js";
import { FormDialog } from "../ui/form-dialog.js";
import type { QueueSearch } from "./queue-search.js";
import { readQueueSearch } from "./queue-search.js";
import { useViews } from "./use-cases.js";

const NAME_CHARACTERS_MAX = 64;

/** The user's saved queries, as tabs above the queue. */
export function Views({ search }: { readonly search: QueueSearch }) {
  const { views, save, remove } = useViews();
  const [isNaming, setNaming] = useState(false);
  return (
    <nav className="views" aria-label={text.queue.views}>
      <Link to="/queue" search={{}} activeOptions={{ exact: true, includeSearch: true }}>
        {text.queue.statuses.open}
      </Link>
      {views.data?.map(({ name, query }) => (
        <span key={name} className="view">
          <Link to="/queue" search={readQueueSearch({ ...query })} activeOptions={{ exact: true, includeSearch: true }}>
            {name}
          </Link>
          <Button look="quiet" aria-label={text.queue.removeView(name)} onClick={() => remove.mutate(name)}>
            ×
          </Button>
        </span>
      ))}
      <Button look="quiet" onClick={() => setNaming(true)}>
        {text.queue.saveView}
      </Button>
      {views.error !== null && <span role="alert">{problemFrom(views.error).title}</span>}
      {remove.error !== null && <span role="alert">{problemFrom(remove.error).title}</span>}
      {isNaming && <NameDialog search={search} save={save} onClose={() => setNaming(false)} />}
    </nav>
  );
}

interface NameDialogProps {
  readonly search: QueueSearch;
  readonly save: ReturnType<typeof useViews>["save"];
  readonly onClose: () => void;
}

function NameDialog({ search, save, onClose }: NameDialogProps) {
  const [name, setName] = useState("");
  return (
    <FormDialog
      title={text.queue.saveView}
      submit={text.queue.saveView}
      change={save}
      isReady={name.trim() !== ""}
      onSubmit={() => save.mutate({ name: name.trim(), query: search }, { onSuccess: onClose })}
      onClose={onClose}
    >
      <TextField label={text.queue.viewName} required maxLength={NAME_CHARACTERS_MAX} value={name} onChange={setName} />
    </FormDialog>
  );
}
