import type { CaseDetail } from "#contract/cases";
import { useMay, useSession } from "../app/session.js";
import { text } from "../texts/en/cases.js";
import { Button } from "../ui/button.js";
import type { OpenDialog } from "./open-dialog.js";
import type { CaseAction } from "./use-case.js";

interface CaseActionsProps {
  readonly of: CaseDetail;
  readonly isBusy: boolean;
  readonly onChange: (action: CaseAction) => void;
  readonly onDialog: (dialog: OpenDialog) => void;
  readonly onNext: () => void;
}

export function CaseActions({ of, isBusy, onChange, onDialog, onNext }: CaseActionsProps) {
  const may = useMay();
  if (!may("cases:write")) return null;
  const { actions } = text.case;
  const isClosed = of.status === "closed";
  const mayLabel = may("labels:write") && of.pendingVerdict === null && !isClosed;
  return (
    <div className="actions case-actions" role="toolbar" aria-label={text.case.actionsLabel}>
      {mayLabel && (
        <>
          <Button look="danger" shortcut="f" onClick={() => onDialog("fraud")}>
            {actions.fraud}
          </Button>
          <Button className="good" shortcut="g" onClick={() => onDialog("genuine")}>
            {actions.genuine}
          </Button>
        </>
      )}
      {isClosed || of.status === "snoozed" ? (
        <Button disabled={isBusy} onClick={() => onChange({ to: "reopen", body: {} })}>
          {actions.reopen}
        </Button>
      ) : null}
      {!isClosed && (
        <>
          <Assign of={of} isBusy={isBusy} onChange={onChange} />
          <Button shortcut="s" onClick={() => onDialog("snooze")}>
            {actions.snooze}
          </Button>
          <Button shortcut="e" onClick={() => onDialog("escalate")}>
            {actions.escalate}
          </Button>
        </>
      )}
      <Button shortcut="n" className="last" onClick={onNext}>
        {actions.next}
      </Button>
    </div>
  );
}

function Assign({ of, isBusy, onChange }: Pick<CaseActionsProps, "of" | "isBusy" | "onChange">) {
  const { person } = useSession();
  const isMine = of.assignee?.id === person.id;
  return (
    <Button
      shortcut="a"
      disabled={isBusy}
      onClick={() => onChange({ to: "assign", body: { assignee: isMine ? null : person.id } })}
    >
      {isMine ? text.case.actions.free : text.case.actions.assign}
    </Button>
  );
}
