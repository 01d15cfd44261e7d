import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { ListedModels, RolloutDetail } from "../api/control.js";
import { CONTROL } from "../api/control.js";
import { request } from "../api/request.js";
import { useMay } from "../app/session.js";
import { text as words } from "../texts/en/models.js";
import { text } from "../texts/en/operations.js";
import { Button } from "../ui/button.js";
import { ChoiceField } from "../ui/choice-field.js";
import { AreaField, CheckField, SelectField, TextField } from "../ui/field.js";
import { FormDialog } from "../ui/form-dialog.js";
import { Compared } from "./compared.js";
import { formatPercent } from "./rollout-step.js";
import type { FoundVersion } from "./use-models.js";
import { contractStateOf, findVersion, useModels } from "./use-models.js";

const STEPS_DEFAULT = "1, 5, 25, 50";

/** Lets users with the permission start a rollout. */
export function StartRollout() {
  const may = useMay();
  const { data: listed } = useModels();
  const [isOpen, setOpen] = useState(false);
  if (!may("models:write")) return <p className="quiet">{words.steps.readOnly}</p>;
  if (listed === null || listed === undefined) return null;
  const candidates = candidatesIn(listed);
  if (candidates.length === 0) return <p className="quiet">{words.start.none}</p>;
  return (
    <div className="actions">
      <Button onClick={() => setOpen(true)}>{words.start.button}</Button>
      {isOpen && <StartDialog listed={listed} onClose={() => setOpen(false)} />}
    </div>
  );
}

function candidatesIn(listed: ListedModels): readonly FoundVersion[] {
  return listed.models.flatMap(({ name, champion, versions }) =>
    champion === null
      ? []
      : versions.filter(({ version }) => version !== champion).map((version) => ({ model: name, champion, version })),
  );
}

interface StartProps {
  readonly listed: ListedModels;
  readonly onClose: () => void;
}

function StartDialog({ listed, onClose }: StartProps) {
  const candidates = candidatesIn(listed);
  const [chosen, setChosen] = useState(candidates[0]?.version.version ?? "");
  const [begin, setBegin] = useState<string>("shadow");
  const [typed, setTyped] = useState(STEPS_DEFAULT);
  const [isAutomatic, setAutomatic] = useState(false);
  const [isUncompared, setUncompared] = useState(false);
  const [why, setWhy] = useState("");
  const client = useQueryClient();
  const found = findVersion(listed, chosen);
  const steps = parseSteps(typed);
  const start = useMutation({
    mutationFn: () =>
      request<RolloutDetail>(`${CONTROL}/rollouts`, {
        method: "POST",
        body: {
          ...{ model: found?.model, candidate: chosen, why, begin_with: begin, auto: isAutomatic },
          ...{ steps_percent: steps, without_comparison: isUncompared },
        },
      }),
    onSuccess: (newest) => {
      client.setQueryData(["rollout"], newest);
      onClose();
    },
  });
  const isCompared = found?.version.offline != null;
  const isReady = steps !== undefined && why.trim() !== "" && (isCompared || isUncompared);
  return (
    <FormDialog
      title={words.start.title}
      submit={words.start.button}
      change={start}
      isReady={isReady}
      onSubmit={() => start.mutate()}
      onClose={onClose}
    >
      <SelectField
        label={words.start.candidate}
        value={chosen}
        options={candidates.map(optionOf)}
        onChange={setChosen}
      />
      {found !== undefined && (
        <p>
          <Compared of={found.version} />
        </p>
      )}
      {!isCompared && <CheckField label={words.start.without} isChecked={isUncompared} onChange={setUncompared} />}
      <ChoiceField
        label={words.start.begin}
        value={begin}
        options={[
          ["shadow", words.start.shadow],
          ["canary", words.start.canary],
        ]}
        onChange={setBegin}
      />
      <TextField label={words.start.steps} hint={words.start.stepsHint} required value={typed} onChange={setTyped} />
      {steps === undefined && <p role="alert">{words.start.stepsWrong}</p>}
      <CheckField label={words.start.auto} isChecked={isAutomatic} onChange={setAutomatic} />
      <AreaField label={text.models.why} required value={why} onChange={setWhy} />
      <p>
        {begin === "shadow" ? words.start.begins.shadow : words.start.begins.canary(formatPercent(steps?.[0] ?? 0))}
      </p>
      {found !== undefined && needsCard(found, listed) && <p>{words.start.cardLimit}</p>}
    </FormDialog>
  );
}

function optionOf({ version }: FoundVersion): [value: string, words: string] {
  const state = words.contract.states[contractStateOf(version.card, Date.now())];
  return [version.version, words.start.version(version.version, version.offline !== null, state)];
}

/** Whether the version needs a signed model card to decide for more than 5 % of the cards, and does not have one. */
function needsCard({ version: { card } }: FoundVersion, { is_card_required: isRequired }: ListedModels): boolean {
  const state = contractStateOf(card, Date.now());
  return state === "none" ? isRequired : state === "unsigned" || state === "expired";
}

/** @returns undefined unless the text is a list of ascending percentages */
function parseSteps(typed: string): number[] | undefined {
  const steps = typed.split(",").map((part) => Number(part.trim() === "" ? Number.NaN : part));
  const isAscending = steps.every((step, at) => step > (steps[at - 1] ?? 0) && step <= 100);
  return isAscending ? steps : undefined;
}
