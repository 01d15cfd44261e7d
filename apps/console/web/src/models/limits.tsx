import { useState } from "react";
import type { ListedModels } from "../api/control.js";
import { useMay, useSession } from "../app/session.js";
import { text } from "../texts/en/models.js";
import { Button } from "../ui/button.js";
import { Panel } from "../ui/panel.js";
import { SetLimitsDialog, SignLimitsDialog, WithdrawDialog } from "./limit-dialogs.js";
import { LimitFacts } from "./limit-facts.js";

const words = text.limits;

type Listed = ListedModels["models"][number];

interface LimitsProps {
  readonly of: Listed;
  /** Whether every version needs a model card. */
  readonly isRequired: boolean;
}

/** The limits within which retrained versions of a model are promoted without a separate signature. */
export function Limits({ of, isRequired }: LimitsProps) {
  const { limits } = of;
  return (
    <Panel title={words.title(of.name)}>
      {limits === null ? (
        <p>
          <span className="tag">{words.states.none}</span> {isRequired ? words.noneRequired : words.none}
        </p>
      ) : (
        <>
          <p>
            <span className={limits.not_in_effect === null ? "tag good" : "tag bad"}>
              {limits.not_in_effect === null ? words.states.inEffect : words.states.not}
            </span>{" "}
            {limits.not_in_effect === null ? words.inEffect : `${limits.not_in_effect} ${words.not}`}
          </p>
          <LimitFacts of={limits} />
        </>
      )}
      <Actions of={of} />
    </Panel>
  );
}

function Actions({ of: { name, limits } }: { readonly of: Listed }) {
  const may = useMay();
  const { person } = useSession();
  const [open, setOpen] = useState<"set" | "sign" | "withdraw">();
  if (!may("models:write")) return <p className="quiet">{words.readOnly}</p>;
  const isUnsigned = limits !== null && limits.signed_by === null;
  const isOwn = limits?.set_by === person.id;
  const props = { model: name, onClose: () => setOpen(undefined) };
  return (
    <>
      {isUnsigned && isOwn && <p>{words.own}</p>}
      <div className="actions">
        {isUnsigned && !isOwn && (
          <Button look="primary" onClick={() => setOpen("sign")}>
            {words.sign}
          </Button>
        )}
        <Button onClick={() => setOpen("set")}>{limits === null ? words.setButton : words.setAgain}</Button>
        {limits !== null && !isUnsigned && <Button onClick={() => setOpen("withdraw")}>{words.withdraw}</Button>}
      </div>
      {open === "set" && <SetLimitsDialog {...props} limits={limits} />}
      {open === "sign" && limits !== null && <SignLimitsDialog {...props} limits={limits} />}
      {open === "withdraw" && <WithdrawDialog {...props} />}
    </>
  );
}
