import { useState } from "react";
import type { DecisionRow, Outcome } from "#contract/decisions";
import { Screen } from "../app/screen.js";
import { useShortcuts } from "../app/shortcuts.js";
import { OUTCOMES } from "../queue/queue-search.js";
import { text as app } from "../texts/en/app.js";
import { text } from "../texts/en/screens.js";
import { Button } from "../ui/button.js";
import { DecisionTable } from "../ui/decision-table.js";
import { SelectField } from "../ui/field.js";
import { Panel } from "../ui/panel.js";
import { Empty } from "../ui/states.js";
import { LiveFigures } from "./live-figures.js";
import type { LiveState } from "./use-live.js";
import { useLive } from "./use-live.js";

export function Live() {
  const [isPaused, setPaused] = useState(false);
  const [outcome, setOutcome] = useState<string>("");
  const { seconds, decisions, connection } = useLive(isPaused);
  const toggle = (): void => setPaused(!isPaused);
  useShortcuts({ p: toggle });
  const shown = outcome === "" ? decisions : decisions.filter((one) => one.outcome === outcome);
  return (
    <Screen
      title={text.live.title}
      aside={
        <>
          <Connection is={connection} />
          <Button shortcut="p" className="steady" onClick={toggle}>
            {isPaused ? text.live.resume : text.live.pause}
          </Button>
        </>
      }
    >
      <LiveFigures seconds={seconds} />
      <Panel title={text.live.last} aside={<OutcomeFilter value={outcome} onChange={setOutcome} />}>
        <Decisions of={shown} />
      </Panel>
    </Screen>
  );
}

function Connection({ is }: { readonly is: LiveState["connection"] }) {
  return (
    <span role="status" className={is === "cut" ? "late" : "quiet"}>
      {text.live[is]}
    </span>
  );
}

function OutcomeFilter({ value, onChange }: { readonly value: string; readonly onChange: (value: string) => void }) {
  const options: (readonly [Outcome | "", string])[] = [
    ["", text.live.any],
    ...OUTCOMES.map((outcome) => [outcome, app.outcomes[outcome]] as const),
  ];
  return <SelectField label={text.live.filter} value={value} options={options} onChange={onChange} />;
}

function Decisions({ of }: { readonly of: readonly DecisionRow[] }) {
  if (of.length === 0) return <Empty title={text.live.waiting}>{text.live.waitingDetail}</Empty>;
  return <DecisionTable caption={text.live.last} of={of} isLive />;
}
