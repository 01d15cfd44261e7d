import type { ReactNode } from "react";
import { problemFrom } from "../api/request.js";
import { text } from "../texts/en/app.js";
import { Button } from "./button.js";
import { Dialog } from "./dialog.js";
import { ProblemNote } from "./states.js";

interface FormDialogProps {
  readonly title: string;
  readonly description?: string;
  /** Text of the button that submits the form. */
  readonly submit: string;
  readonly look?: "primary" | "danger";
  /** The request that the form sends. */
  readonly change?: { readonly error: unknown; readonly isPending: boolean };
  /** Whether the form can be submitted. */
  readonly isReady?: boolean;
  /** What the user can do after a failed request. */
  readonly retry?: { readonly onRetry: () => void; readonly retryLabel: string };
  readonly onSubmit: () => void;
  readonly onClose: () => void;
  readonly children: ReactNode;
}

const NO_REQUEST = { error: null, isPending: false };

/** A form that can be cancelled, with the problem of its last request. */
export function FormDialog(props: FormDialogProps) {
  const { title, description, submit, look = "primary", change = NO_REQUEST, isReady = true, retry = {} } = props;
  const { onSubmit, onClose, children } = props;
  return (
    <Dialog title={title} {...(description === undefined ? {} : { description })} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          onSubmit();
        }}
      >
        {children}
        {change.error !== null && <ProblemNote problem={problemFrom(change.error)} {...retry} />}
        <div className="actions end">
          <Button onClick={onClose}>{text.cancel}</Button>
          <Button look={look} type="submit" disabled={change.isPending || !isReady}>
            {submit}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
