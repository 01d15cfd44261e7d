import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { RolloutDetail } from "../api/control.js";
import { CONTROL } from "../api/control.js";
import { request } from "../api/request.js";
import { UserName } from "../app/user-name.js";
import { formatShare } from "../format/numbers.js";
import { formatMoment } from "../format/times.js";
import { text as words } from "../texts/en/models.js";
import { text } from "../texts/en/operations.js";
import { AreaField } from "../ui/field.js";
import { FormDialog } from "../ui/form-dialog.js";

const PERCENT = 100;

export type Step = keyof typeof text.models.actions;

interface StepDialogProps {
  readonly of: RolloutDetail;
  readonly step: Step;
  readonly onClose: () => void;
}

/** Asks the user to confirm a step, and shows its consequences. The step only applies to the state the user saw. */
export function StepDialog({ of, step, onClose }: StepDialogProps) {
  const [why, setWhy] = useState("");
  const [seen] = useState(of);
  const client = useQueryClient();
  const make = useMutation({
    mutationFn: () =>
      request<RolloutDetail>(`${CONTROL}/rollouts/${encodeURIComponent(of.model)}/${step}`, {
        method: "POST",
        body: { why, expect_revision: seen.revision },
      }),
    onSuccess: (newest) => {
      client.setQueryData(["rollout"], newest);
      onClose();
    },
    onError: () => client.invalidateQueries({ queryKey: ["rollout"] }),
  });
  const hasChanged = of.id !== seen.id || of.revision !== seen.revision;
  return (
    <FormDialog
      title={text.models.actions[step]}
      description={`${of.candidate} → ${of.model}`}
      submit={text.models.actions[step]}
      look={step === "rollback" ? "danger" : "primary"}
      change={{ error: hasChanged ? null : make.error, isPending: make.isPending }}
      isReady={!hasChanged && why.trim() !== ""}
      onSubmit={() => make.mutate()}
      onClose={onClose}
    >
      <p>{consequenceOf(step, seen)}</p>
      <AreaField label={text.models.why} required value={why} onChange={setWhy} />
      {hasChanged && <Changed of={of} />}
    </FormDialog>
  );
}

function consequenceOf(step: Step, { plan, canary_percent: now }: RolloutDetail): string {
  const { consequences } = words.steps;
  if (step !== "advance") return consequences[step];
  const next = plan.steps_percent.find((share) => share > now);
  return next === undefined ? consequences.last : consequences.advance(formatPercent(next));
}

/** Shows decimals for shares below 1 %. */
export function formatPercent(percent: number): string {
  return formatShare(percent / PERCENT, percent < 1 ? 2 : 0);
}

/** A sentence about the step that another user made. */
function Changed({ of: { steps } }: { readonly of: RolloutDetail }) {
  const last = steps.at(-1);
  if (last === undefined) return null;
  const { before, after } = words.steps.changed;
  return (
    <div className="problem" role="alert">
      <p>
        {before}
        <UserName id={last.actor} />
        {after(last.step, formatMoment(Date.parse(last.at)))}
      </p>
    </div>
  );
}
