import type { ReactNode } from "react";
import { useState } from "react";
import { problemFrom } from "../api/request.js";
import { text } from "../texts/en/admin.js";
import { text as app } from "../texts/en/app.js";
import { Button } from "../ui/button.js";
import { ChoiceField } from "../ui/choice-field.js";
import { Dialog } from "../ui/dialog.js";
import { ProblemNote } from "../ui/states.js";
import { Result } from "./secret-shown.js";
import { useAdminChange } from "./use-admin.js";

type Change = Parameters<ReturnType<typeof useAdminChange>["mutate"]>[0];

interface Words {
  readonly name: string;
  readonly detail: string;
}

interface StepDialogProps {
  readonly title: string;
  readonly steps: Readonly<Record<string, Change>>;
  readonly words: Readonly<Record<string, Words>>;
  readonly isReady?: boolean;
  readonly onClose: () => void;
  /** Additional input for the chosen step. */
  readonly children?: (step: string) => ReactNode;
}

/** A choice of actions with explanations, followed by the result. */
export function StepDialog({ title, steps, words, isReady = true, onClose, children }: StepDialogProps) {
  const names = Object.keys(steps);
  const [step, setStep] = useState(names[0] ?? "");
  const change = useAdminChange();
  const chosen = steps[step];
  if (change.data !== undefined) {
    return (
      <Dialog title={title} description={words[step]?.name ?? step} onClose={onClose}>
        <Result of={change.data} onClose={onClose} />
      </Dialog>
    );
  }
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (chosen !== undefined) change.mutate(chosen);
        }}
      >
        <ChoiceField
          label={text.step}
          options={names.map((name) => [name, words[name]?.name ?? name])}
          value={step}
          onChange={setStep}
        />
        {children?.(step)}
        <p>{words[step]?.detail}</p>
        {change.error !== null && <ProblemNote problem={problemFrom(change.error)} />}
        <div className="actions end">
          <Button onClick={onClose}>{app.cancel}</Button>
          <Button look="primary" type="submit" disabled={change.isPending || !isReady}>
            {words[step]?.name}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
