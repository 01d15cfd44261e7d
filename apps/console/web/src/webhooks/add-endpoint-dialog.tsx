import { problemFrom } from "../api/request.js";
import { useDraft } from "../app/keep-draft.js";
import { text as app } from "../texts/en/app.js";
import { text } from "../texts/en/webhooks.js";
import { Button } from "../ui/button.js";
import { Dialog } from "../ui/dialog.js";
import { ProblemNote } from "../ui/states.js";
import { EndpointFields, EndpointResult } from "./endpoint-fields.js";
import type { EndpointForm } from "./use-webhooks.js";
import { useEndpointChange } from "./use-webhooks.js";

const { endpoints: words } = text;
const NEW: EndpointForm = { url: "", description: "", event_types: ["decision.decline", "case.opened", "case.closed"] };

/** Adds an endpoint with a generated secret that is shown once. */
export function AddEndpointDialog({ onClose }: { readonly onClose: () => void }) {
  const [form, setForm, drop] = useDraft("webhook endpoint", NEW);
  const add = useEndpointChange();
  if (add.data !== undefined) {
    return (
      <Dialog title={words.added} onClose={onClose}>
        <EndpointResult of={add.data} onClose={onClose} />
      </Dialog>
    );
  }
  return (
    <Dialog title={words.add} description={words.addDetail} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          add.mutate({ body: form }, { onSuccess: () => void drop(form) });
        }}
      >
        <EndpointFields form={form} onChange={setForm} />
        {add.error !== null && <ProblemNote problem={problemFrom(add.error)} />}
        <div className="actions end">
          <Button onClick={onClose}>{app.cancel}</Button>
          <Button look="primary" type="submit" disabled={add.isPending || form.event_types.length === 0}>
            {words.add}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
