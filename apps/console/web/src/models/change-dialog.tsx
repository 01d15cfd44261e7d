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
