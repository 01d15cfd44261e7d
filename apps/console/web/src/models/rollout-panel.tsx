import { useState } from "react";
import type { RolloutDetail } from "../api/control.js";
import { useMay } from "../app/session.js";
import { UserName } from "../app/user-name.js";
import { formatMoment } from "../format/times.js";
import { text as words } from "../texts/en/models.js";
import { text } from "../texts/en/operations.js";
import { Button } from "../ui/button.js";
import { Panel } from "../ui/panel.js";
import { Empty, Loaded } from "../ui/states.js";
import type { Step } from "./rollout-step.js";
import { formatPercent, StepDialog } from "./rollout-step.js";
import { StartRollout } from "./start-rollout.js";
import { useRollout } from "./use-rollout.js";

/** The current or latest rollout: its stage and next step. */
export function RolloutPanel() {
  const query = useRollout();
  return (
    <Panel title={text.models.rollout}>
      <Loaded query={query} lines={8}>
        {(rollout) =>
          rollout === null ? (
            <>
              <Empty title={text.models.noRollout}>{text.models.noRolloutDetail}</Empty>
              <StartRollout />
            </>
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
        {isOpen && <span>{text.models.share(formatPercent(share))}</span>}
        {of.is_held && <span className="tag">{text.models.held}</span>}
        {of.is_registry_pending === true && <span className="tag">{text.models.registryPending}</span>}
      </p>
      <p className="quiet">
        {text.models.since(formatMoment(Date.parse(of.changed_at)))} <UserName id={of.changed_by} />
      </p>
      <p>
        <strong>{text.models.cardMoney}.</strong>{" "}
        {of.offline ? (of.offline.money ?? text.models.noMoney) : text.models.notCompared}
      </p>
      {isOpen ? <Steps of={of} /> : <StartRollout />}
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
  if (!may("models:write")) return <p className="quiet">{words.steps.readOnly}</p>;
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
