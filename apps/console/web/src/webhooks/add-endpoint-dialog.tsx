import { useDraft } from "../app/keep-draft.js";
import { text } from "../texts/en/webhooks.js";
import { Dialog } from "../ui/dialog.js";
import { FormDialog } from "../ui/form-dialog.js";
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
    <FormDialog
      title={words.add}
      description={words.addDetail}
      submit={words.add}
      change={add}
      isReady={form.event_types.length > 0}
      onSubmit={() => add.mutate({ body: form }, { onSuccess: () => void drop(form) })}
      onClose={onClose}
    >
      <EndpointFields form={form} onChange={setForm} />
    </FormDialog>
  );
}
