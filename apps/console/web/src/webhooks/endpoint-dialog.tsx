import { useState } from "react";
import type { WebhookEndpoint } from "../api/control.js";
import { toLocalInput } from "../format/times.js";
import { text } from "../texts/en/webhooks.js";
import { TextField } from "../ui/field.js";
import { StepDialog } from "../ui/step-dialog.js";
import { EndpointFields, EndpointResult } from "./endpoint-fields.js";
import type { EndpointChange, EndpointForm, Replay } from "./use-webhooks.js";
import { useEndpointChange } from "./use-webhooks.js";

const { endpoints: words } = text;
const OVERLAP_HOURS = 24;
const OVERLAP_HOURS_MAX = 168;
const HOUR_MS = 3_600_000;

/** An incomplete field has no value. */
const toTime = (local: string): string => (local === "" ? "" : new Date(local).toISOString());

/** Actions on an endpoint, each with an explanation. */
export function EndpointDialog({ of, onClose }: { readonly of: WebhookEndpoint; readonly onClose: () => void }) {
  const { id, url, description, event_types, paused_because: because } = of;
  const [form, setForm] = useState<EndpointForm>({ url, description, event_types });
  const [overlap, setOverlap] = useState(String(OVERLAP_HOURS));
  const [from, setFrom] = useState(() => toLocalInput(Date.now() - HOUR_MS));
  const [to, setTo] = useState(() => toLocalInput(Date.now() + HOUR_MS));
  const change = useEndpointChange();
  const put = (settings: EndpointForm, isPaused: boolean) =>
    ({ id, method: "PUT", body: { ...settings, is_paused: isPaused } }) as const;
  const isPaused = because !== null;
  const stored = { url, description, event_types };
  const steps: Readonly<Record<string, EndpointChange | Replay>> = {
    test: { id, step: "test" },
    edit: put(form, isPaused),
    ...(isPaused ? { resume: put(stored, false) } : { pause: put(stored, true) }),
    rotate: { id, step: "secret", body: { overlap_hours: Number(overlap) } },
    replay: { id, replay: { from: toTime(from), to: toTime(to) } },
    remove: { id, method: "DELETE" },
  };
  return (
    <StepDialog
      title={url}
      steps={steps}
      words={words.steps}
      change={change}
      isReady={form.event_types.length > 0}
      onClose={onClose}
      result={(changed) => <EndpointResult of={changed} onClose={onClose} />}
    >
      {(step) => (
        <>
          {step === "edit" && <EndpointFields form={form} onChange={setForm} />}
          {step === "rotate" && (
            <TextField
              label={words.overlap}
              type="number"
              min={0}
              max={OVERLAP_HOURS_MAX}
              required
              value={overlap}
              onChange={setOverlap}
            />
          )}
          {step === "replay" && (
            <>
              <TextField label={words.from} type="datetime-local" required value={from} onChange={setFrom} />
              <TextField label={words.to} type="datetime-local" required value={to} onChange={setTo} />
            </>
          )}
        </>
      )}
    </StepDialog>
  );
}
