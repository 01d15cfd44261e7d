import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { RequestOptions } from "../api/request.js";
import { problemFrom, request } from "../api/request.js";
import { text as app } from "../texts/en/app.js";
import { Button } from "../ui/button.js";
import { Dialog } from "../ui/dialog.js";
import { ProblemNote } from "../ui/states.js";
import { MODEL_VERSIONS } from "./use-models.js";

interface ChangeProps {
  readonly title: string;
  readonly description: string;
  readonly action: string;
  readonly path: string;
  readonly options: RequestOptions;
  readonly isReady?: boolean;
  readonly onClose: () => void;
  readonly children: ReactNode;
}

/** Confirms a change to what is known about models. */
export function ChangeDialog(props: ChangeProps) {
  const { title, description, action, path, options, isReady = true, onClose, children } = props;
  const client = useQueryClient();
  const change = useMutation({
    mutationFn: () => request(path, options),
    onSuccess: onClose,
    onSettled: () => client.invalidateQueries({ queryKey: MODEL_VERSIONS }),
  });
  return (
    <Dialog title={title} description={description} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          change.mutate();
        }}
      >
        {children}
        {change.error !== null && <ProblemNote problem={problemFrom(change.error)} />}
        <div className="actions end">
          <Button onClick={onClose}>{app.cancel}</Button>
          <Button look="primary" type="submit" disabled={change.isPending || !isReady}>
            {action}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

/** A day for a date field. */
export function dayInMonths(months: number): string {
  const day = new Date();
  day.setMonth(day.getMonth() + months);
  return day.toISOString().slice(0, "2026-01-01".length);
}

/** The end of a typed day in the user's time zone; undefined for an incomplete one. */
export function endOf(day: string): Date | undefined {
  const end = new Date(`${day}T23:59:59`);
  return Number.isNaN(end.getTime()) ? undefined : end;
}
