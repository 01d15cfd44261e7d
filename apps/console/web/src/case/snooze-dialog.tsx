import { useState } from "react";
import type { CaseDetail } from "#contract/cases";
import { problemFrom } from "../api/request.js";
import { toLocalInput, tomorrowMorning } from "../format/times.js";
import { text as app } from "../texts/en/app.js";
import { text } from "../texts/en/cases.js";
import { Button } from "../ui/button.js";
import { Dialog } from "../ui/dialog.js";
import { TextField } from "../ui/field.js";
import { ProblemNote } from "../ui/states.js";
import { useCaseChange, useReload } from "./use-case.js";

const HOUR_MS = 3_600_000;

const { options } = text.snooze;
const PRESETS: readonly (readonly [words: string, untilMs: (nowMs: number) => number])[] = [
  [options.hour, (nowMs) => nowMs + HOUR_MS],
  [options.hours, (nowMs) => nowMs + 4 * HOUR_MS],
  [options.tomorrow, tomorrowMorning],
  [options.days, (nowMs) => nowMs + 72 * HOUR_MS],
];

export function SnoozeDialog({ of, onClose }: { readonly of: CaseDetail; readonly onClose: () => void }) {
  const [until, setUntil] = useState(() => toLocalInput(Date.now() + 4 * HOUR_MS));
  const change = useCaseChange(of);
  const reload = useReload(of.id);
  const snooze = (untilMs: number): void => change.mutate({ to: "snooze", body: { untilMs } }, { onSuccess: onClose });
  return (
    <Dialog title={text.snooze.title} description={text.snooze.explain} onClose={onClose}>
      <div className="actions">
        {PRESETS.map(([words, untilMs]) => (
          <Button key={words} disabled={change.isPending} onClick={() => snooze(untilMs(Date.now()))}>
            {words}
          </Button>
        ))}
      </div>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          snooze(new Date(until).getTime());
        }}
      >
        <TextField
          label={text.snooze.until}
          type="datetime-local"
          required
          min={toLocalInput(Date.now())}
          value={until}
          onChange={setUntil}
        />
        {change.error !== null && (
          <ProblemNote problem={problemFrom(change.error)} onRetry={reload} retryLabel={text.case.reload} />
        )}
        <div className="actions end">
          <Button onClick={onClose}>{app.cancel}</Button>
          <Button look="primary" type="submit" disabled={change.isPending}>
            {text.snooze.submit}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
