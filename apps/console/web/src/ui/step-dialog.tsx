import type { ReactNode } from "react";
import { useState } from "react";
import { text } from "../texts/en/app.js";
import { ChoiceField } from "./choice-field.js";
import { Dialog } from "./dialog.js";
import { FormDialog } from "./form-dialog.js";

interface StepWords {
  readonly name: string;
  readonly detail: string;
}

/** A request that changes something. */
interface StepChange<Change, Changed> {
  readonly data: Changed | undefined;
  readonly error: unknown;
  readonly isPending: boolean;
  readonly mutate: (change: Change) => void;
}

export interface StepDialogProps<Change, Changed> {
  readonly title: string;
  readonly steps: Readonly<Record<string, Change>>;
  readonly words: Readonly<Record<string, StepWords>>;
  readonly change: StepChange<Change, Changed>;
  readonly isReady?: boolean;
  readonly onClose: () => void;
  /** Additional input for the chosen step. */
  readonly children?: ((step: string) => ReactNode) | undefined;
  readonly result: (changed: Changed) => ReactNode;
}

/** A choice of actions with explanations, followed by the result. */
export function StepDialog<Change, Changed>(props: StepDialogProps<Change, Changed>) {
  const { title, steps, words, change, isReady = true, onClose, children, result } = props;
  const names = Object.keys(steps);
  const [step, setStep] = useState(names[0] ?? "");
  const chosen = steps[step];
  if (change.data !== undefined) {
    return (
      <Dialog title={title} description={words[step]?.name ?? step} onClose={onClose}>
        {result(change.data)}
      </Dialog>
    );
  }
  return (
    <FormDialog
      title={title}
      submit={words[step]?.name ?? step}
      change={change}
      isReady={isReady}
      onSubmit={() => {
        if (chosen !== undefined) change.mutate(chosen);
      }}
      onClose={onClose}
    >
      <ChoiceField
        label={text.action}
        options={names.map((name) => [name, words[name]?.name ?? name])}
        value={step}
        onChange={setStep}
      />
      {children?.(step)}
      <p>{words[step]?.detail}</p>
    </FormDialog>
  );
}
