import { WEBHOOK_EVENT_TYPES } from "@tripline/contracts/webhook-events";
import type { ReactNode } from "react";
import { formatCount } from "../format/numbers.js";
import { text as app } from "../texts/en/app.js";
import { text } from "../texts/en/webhooks.js";
import { Button } from "../ui/button.js";
import { CheckList } from "../ui/check-list.js";
import { TextField } from "../ui/field.js";
import { Secret } from "../ui/secret.js";
import type { EndpointChanged, EndpointForm } from "./use-webhooks.js";

const { endpoints: words } = text;
const URL_CHARACTERS_MAX = 2_048;
const DESCRIPTION_CHARACTERS_MAX = 200;
const OPTIONS = WEBHOOK_EVENT_TYPES.map((type) => [type, type] as const);

interface FieldsProps {
  readonly form: EndpointForm;
  readonly onChange: (form: EndpointForm) => void;
}

export function EndpointFields({ form, onChange }: FieldsProps) {
  return (
    <>
      <TextField
        label={words.url}
        type="url"
        required
        maxLength={URL_CHARACTERS_MAX}
        hint={words.urlHint}
        value={form.url}
        onChange={(url) => onChange({ ...form, url })}
      />
      <TextField
        label={words.description}
        maxLength={DESCRIPTION_CHARACTERS_MAX}
        value={form.description}
        onChange={(description) => onChange({ ...form, description })}
      />
      <CheckList
        label={words.events}
        options={OPTIONS}
        chosen={form.event_types}
        onChange={(event_types) => onChange({ ...form, event_types })}
      />
    </>
  );
}

interface ResultProps {
  readonly of: EndpointChanged;
  readonly onClose: () => void;
}

/** Result of a change: a secret that is shown once, or what happens next. */
export function EndpointResult({ of: { secret, event_id: eventId, replayed }, onClose }: ResultProps) {
  let said: ReactNode = words.saved;
  if (eventId !== undefined) said = words.tested(eventId);
  if (replayed !== undefined) said = words.replaying(formatCount(replayed));
  return (
    <div className="stack">
      {secret !== undefined && <Secret value={secret} note={words.secretOnce} />}
      <p role="status">{said}</p>
      <div className="actions end">
        <Button look="primary" onClick={onClose}>
          {app.close}
        </Button>
      </div>
    </div>
  );
}
