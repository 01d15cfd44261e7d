import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { RolloutDetail } from "../api/control.js";
import { CONTROL } from "../api/control.js";
import { problemFrom, request } from "../api/request.js";
import { useMay } from "../app/session.js";
import { UserName } from "../app/user-name.js";
import { formatShare } from "../format/numbers.js";
import { formatMoment } from "../format/times.js";
import { text as app } from "../texts/en/app.js";
import { text } from "../texts/en/operations.js";
import { Button } from "../ui/button.js";
import { Dialog } from "../ui/dialog.js";
import { AreaField } from "../ui/field.js";
import { Panel } from "../ui/panel.js";
import { Empty, Loaded, ProblemNote } from "../ui/states.js";
import { useRollout } from "./use-rollout.js";

const PERCENT = 100;

type Step = keyof typeof text.models.actions;

/** The current or latest rollout: its stage and next step. */
export function RolloutPanel() {
  const query = useRollout();
  return (
    <Panel title={text.models.rollout}>
      <Loaded query={query} lines={8}>
        {(rollout) =>
          rollout === null ? (
            <Empty title={text.models.noRollout}>{text.models.noRolloutDetail}</Empty>
          ) : (
            <Running of={rollout} />
          )
        }
      </Loaded>
    </Panel>
  );
}

function Running({ of }: { readonly of: RolloutDetail }) {
  const share = of.stage === "shadow" ? of.shadow_percent : of.canary_percent;
  const isOpen = of.stage === "shadow" || of.stage === "canary";
  return (
    <>
      <p className="case-small">
        <strong>
          {of.candidate} → {of.model}
        </strong>
        <span className={of.stage === "rolled-back" ? "tag bad" : "tag good"}>{text.models.stages[of.stage]}</span>
        {isOpen && <span>{text.models.share(formatShare(share / PERCENT, share < 1 ? 2 : 0))}</span>}
        {of.is_held && <span className="tag">{text.models.held}</span>}
        {of.is_registry_pending === true && <span className="tag">{text.models.registryPending}</span>}
      </p>
      <p className="quiet">{text.models.since(formatMoment(Date.parse(of.changed_at)), of.changed_by)}</p>
      <p>
        <strong>{text.models.cardMoney}.</strong>{" "}
        {of.offline ? (of.offline.money ?? text.models.noMoney) : text.models.notCompared}
      </p>
      {isOpen && <Steps of={of} />}
      <h3>{text.models.steps}</h3>
      <ol className="history">
        {of.steps.toReversed().map(({ step, actor, why, at, revision }) => (
          <li key={revision}>
            <p>
              <code>{step}</code> {why}
            </p>
            <p className="quiet">
              <UserName id={actor} />, <time>{formatMoment(Date.parse(at))}</time>
            </p>
          </li>
        ))}
      </ol>
    </>
  );
}

function Steps({ of }: { readonly of: RolloutDetail }) {
  const may = useMay();
  const [step, setStep] = useState<Step>();
  if (!may("models:write")) return null;
  const offered: readonly Step[] = ["advance", of.is_held ? "resume" : "hold", "promote", "rollback"];
  return (
    <div className="actions">
      {offered.map((one) => (
        <Button key={one} look={one === "rollback" ? "danger" : "plain"} onClick={() => setStep(one)}>
          {text.models.actions[one]}
        </Button>
      ))}
      {step !== undefined && <StepDialog of={of} step={step} onClose={() => setStep(undefined)} />}
    </div>
  );
}

interface StepDialogProps {
  readonly of: RolloutDetail;
  readonly step: Step;
  readonly onClose: () => void;
}

function StepDialog({ of, step, onClose }: StepDialogProps) {
  const [why, setWhy] = useState("");
  const client = useQueryClient();
  const make = useMutation({
    mutationFn: () =>
      request<RolloutDetail>(`${CONTROL}/rollouts/${encodeURIComponent(of.model)}/${step}`, {
        method: "POST",
        body: { why, expect_revision: of.revision },
      }),
    onSuccess: (newest) => {
      client.setQueryData(["rollout"], newest);
      onClose();
    },
  });
  return (
    <Dialog title={text.models.actions[step]} description={`${of.candidate} → ${of.model}`} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          make.mutate();
        }}
      >
        <AreaField label={text.models.why} required value={why} onChange={setWhy} />
        {make.error !== null && <ProblemNote problem={problemFrom(make.error)} />}
        <div className="actions end">
          <Button onClick={onClose}>{app.cancel}</Button>
          <Button look="primary" type="submit" disabled={make.isPending || why.trim() === ""}>
            {text.models.actions[step]}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
