import { useState } from "react";
import type { PolicyStatus, WaitingChange } from "../api/control.js";
import { problemFrom } from "../api/request.js";
import { useMay, useSession } from "../app/session.js";
import { useNameOf } from "../app/user-name.js";
import { formatMoment } from "../format/times.js";
import { text } from "../texts/en/policy.js";
import { Button } from "../ui/button.js";
import { AreaField, CheckField } from "../ui/field.js";
import { FormDialog } from "../ui/form-dialog.js";
import { Panel } from "../ui/panel.js";
import { ProblemNote } from "../ui/states.js";
import { useChangeApprovals, useWaiting } from "./use-approvals.js";

type Settings = Pick<PolicyStatus, "needs_approval" | "lists_need_approval">;

const moment = (iso: string): string => formatMoment(Date.parse(iso));

/** A change that another user has to approve. Users who may approve it see the buttons. */
export function ApprovalSettings({ of }: { readonly of: Settings }) {
  const may = useMay();
  const { change } = useChangeApprovals();
  if (!may("policy:approve")) {
    return <p className="quiet">{of.needs_approval ? text.approvalNeeded : text.approvalNotNeeded}</p>;
  }
  return (
    <>
      <CheckField
        label={text.approvalNeeded}
        isChecked={of.needs_approval}
        isBusy={change.isPending}
        onChange={(next) => change.mutate({ needs_approval: next })}
      />
      <CheckField
        label={text.listsApprovalNeeded}
        isChecked={of.lists_need_approval}
        isBusy={change.isPending}
        onChange={(next) => change.mutate({ lists_need_approval: next })}
      />
      {change.error !== null && <ProblemNote problem={problemFrom(change.error)} />}
    </>
  );
}

/** Changes that await confirmation by another user. Hidden if there are none. */
export function Waiting() {
  const { data } = useWaiting();
  const { settle } = useChangeApprovals();
  const [broken, setBroken] = useState<WaitingChange>();
  if (data === undefined || data.approvals.length === 0) return null;
  return (
    <Panel title={text.waiting.title}>
      <ul>
        {data.approvals.map((one) => (
          <li key={one.id}>
            <WaitingLine of={one} />
            <Settle of={one} settle={(how) => settle.mutate({ id: one.id, how })} breakGlass={() => setBroken(one)} />
          </li>
        ))}
      </ul>
      {settle.error !== null && <ProblemNote problem={problemFrom(settle.error)} />}
      {broken !== undefined && <BreakGlass of={broken} onClose={() => setBroken(undefined)} />}
    </Panel>
  );
}

function WaitingLine({
  of: { kind, details, author, note, expires_at, takes_effect_at },
}: {
  readonly of: WaitingChange;
}) {
  const nameOf = useNameOf();
  const { list, entries } = details;
  const count = Array.isArray(entries) ? entries.length : 0;
  const what = kind === "list-entries" ? text.waiting.entries(count, String(list)) : text.waiting.kinds[kind];
  const until =
    takes_effect_at === null
      ? text.waiting.expires(moment(expires_at))
      : text.waiting.takesEffect(moment(takes_effect_at));
  return (
    <p>
      <strong>{what}</strong> {text.waiting.by(nameOf(author))} {until} {note}
    </p>
  );
}

interface SettleProps {
  readonly of: WaitingChange;
  readonly settle: (how: "confirm" | "refuse") => void;
  readonly breakGlass: () => void;
}

function Settle({ of: { kind, author, takes_effect_at }, settle, breakGlass }: SettleProps) {
  const may = useMay();
  const { person } = useSession();
  if (!may("policy:approve")) return null;
  const isOwn = author === person.id;
  return (
    <div className="actions">
      <Button disabled={isOwn} title={isOwn ? text.waiting.own : undefined} onClick={() => settle("confirm")}>
        {text.waiting.confirm}
      </Button>
      <Button onClick={() => settle("refuse")}>{text.waiting.refuse}</Button>
      {isOwn && kind !== "list-entries" && takes_effect_at === null && (
        <Button onClick={breakGlass}>{text.waiting.breakGlass}</Button>
      )}
    </div>
  );
}

function BreakGlass({ of: { kind }, onClose }: { readonly of: WaitingChange; readonly onClose: () => void }) {
  const [note, setNote] = useState("");
  const { change } = useChangeApprovals();
  const setting = kind === "lists-approval-off" ? { lists_need_approval: false } : { needs_approval: false };
  return (
    <FormDialog
      title={text.waiting.breakGlass}
      description={text.waiting.breakGlassDetail}
      submit={text.waiting.breakGlass}
      change={change}
      isReady={note.trim().length >= 10}
      onSubmit={() => change.mutate({ ...setting, break_glass: true, note }, { onSuccess: onClose })}
      onClose={onClose}
    >
      <AreaField label={text.waiting.why} value={note} onChange={setNote} />
    </FormDialog>
  );
}
