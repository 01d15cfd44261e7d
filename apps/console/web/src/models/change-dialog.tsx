import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { RequestOptions } from "../api/request.js";
import { request } from "../api/request.js";
import { FormDialog } from "../ui/form-dialog.js";
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

/** Asks the user to confirm a change to a model card or to limits. */
export function ChangeDialog(props: ChangeProps) {
  const { title, description, action, path, options, isReady = true, onClose, children } = props;
  const client = useQueryClient();
  const change = useMutation({
    mutationFn: () => request(path, options),
    onSuccess: onClose,
    onSettled: () => client.invalidateQueries({ queryKey: MODEL_VERSIONS }),
  });
  return (
    <FormDialog
      title={title}
      description={description}
      submit={action}
      change={change}
      isReady={isReady}
      onSubmit={() => change.mutate()}
      onClose={onClose}
    >
      {children}
    </FormDialog>
  );
}

/** A day in the format of a date field. */
export function dayInMonths(months: number): string {
  const day = new Date();
  day.setMonth(day.getMonth() + months);
  return day.toISOString().slice(0, "2026-01-01".length);
}

/** The end of the entered day in the user's time zone; undefined if the day is incomplete. */
export function endOf(day: string): Date | undefined {
  const end = new Date(`${day}T23:59:59`);
  return Number.isNaN(end.getTime()) ? undefined : end;
}
