import { useQuery } from "@tanstack/react-query";
import { DropdownMenu } from "radix-ui";
import type { CaseDetail } from "#contract/cases";
import type { PersonRef } from "#contract/people";
import { problemFrom, request } from "../api/request.js";
import { useMay, useSession } from "../app/session.js";
import { text as app } from "../texts/en/app.js";
import { text } from "../texts/en/cases.js";
import { Button } from "../ui/button.js";
import { useIsHeld } from "../undo/use-is-held.js";
import type { OpenDialog } from "./open-dialog.js";
import type { CaseAction } from "./use-case.js";

const PEOPLE_FRESH_MS = 60_000;

interface CaseActionsProps {
  readonly of: CaseDetail;
  readonly isBusy: boolean;
  readonly onChange: (action: CaseAction) => void;
  readonly onDialog: (dialog: OpenDialog) => void;
  readonly onNext: () => void;
}

export function CaseActions({ of, isBusy, onChange, onDialog, onNext }: CaseActionsProps) {
  const may = useMay();
  const isHeld = useIsHeld(of);
  if (!may("cases:write")) return null;
  const { actions } = text.case;
  const isClosed = of.status === "closed";
  const mayLabel = may("labels:write") && of.pendingVerdict === null && !isClosed;
  return (
    <div className="actions case-actions" data-tour="actions" role="toolbar" aria-label={text.case.actionsLabel}>
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
      {isHeld && may("labels:write") && (
        <Button disabled={isBusy} onClick={() => onChange({ to: "verdict/undo", body: {} })}>
          {app.undo.undo}
        </Button>
      )}
      {(isClosed && !isHeld) || of.status === "snoozed" ? (
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

/** One key assigns the case to the user or unassigns it. A menu assigns it to a colleague. */
function Assign({ of, isBusy, onChange }: Pick<CaseActionsProps, "of" | "isBusy" | "onChange">) {
  const { person } = useSession();
  const isMine = of.assignee?.id === person.id;
  return (
    <>
      <Button
        shortcut="a"
        disabled={isBusy}
        onClick={() => onChange({ to: "assign", body: { assignee: isMine ? null : person.id } })}
      >
        {isMine ? text.case.actions.free : text.case.actions.assign}
      </Button>
      <Colleagues isBusy={isBusy} onChoose={(assignee) => onChange({ to: "assign", body: { assignee } })} />
    </>
  );
}

interface ColleaguesProps {
  readonly isBusy: boolean;
  readonly onChoose: (person: string) => void;
}

function Colleagues({ isBusy, onChoose }: ColleaguesProps) {
  const { person } = useSession();
  const people = useQuery({
    queryKey: ["people"],
    queryFn: ({ signal }) => request<readonly PersonRef[]>("/api/people", { signal }),
    staleTime: PEOPLE_FRESH_MS,
  });
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger className="button" disabled={isBusy}>
        {text.case.actions.assignTo}
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content className="menu-list" align="start" sideOffset={4}>
          {people.error !== null && <p role="alert">{problemFrom(people.error).title}</p>}
          {people.data
            ?.filter(({ id }) => id !== person.id)
            .map(({ id, name }) => (
              <DropdownMenu.Item key={id} onSelect={() => onChoose(id)}>
                {name}
              </DropdownMenu.Item>
            ))}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
