import { Link, useParams } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";
import type { PolicyRevisionText } from "../api/control.js";
import { Screen } from "../app/screen.js";
import { useMay, useSession } from "../app/session.js";
import { UserName, useNameOf } from "../app/user-name.js";
import { formatMoment } from "../format/times.js";
import { text } from "../texts/en/policy.js";
import { Button } from "../ui/button.js";
import { SelectField } from "../ui/field.js";
import { Facts, Panel } from "../ui/panel.js";
import { Loaded, Skeleton } from "../ui/states.js";
import { ActivateDialog, ApproveDialog } from "./step-dialogs.js";
import { Trial } from "./trial.js";
import { usePolicyStatus, useRevision, useRevisions } from "./use-policy.js";

const PolicyText = lazy(async () => ({ default: (await import("./policy-text.js")).PolicyText }));

export function Revision() {
  const { revision } = useParams({ from: "/policy/revisions/$revision" });
  const query = useRevision(Number(revision) || 0);
  return (
    <Screen
      title={text.revision(Number(revision))}
      back={
        <Link to="/policy" className="back">
          {text.title}
        </Link>
      }
    >
      <Loaded query={query}>{(found) => <Shown key={found.revision} of={found} />}</Loaded>
    </Screen>
  );
}

function Shown({ of }: { readonly of: PolicyRevisionText }) {
  const status = usePolicyStatus();
  const isInForce = status.data?.in_force?.revision === of.revision;
  return (
    <>
      <Panel title={of.note === "" ? text.revision(of.revision) : of.note}>
        <Facts
          of={[
            [text.author, <UserName key="author" id={of.author} />],
            [text.created, formatMoment(Date.parse(of.created_at))],
            [text.version, <code key="version">{of.version}</code>],
            [text.state, <State key="state" of={of} isInForce={isInForce} />],
            [text.approvals, <Approvals key="approvals" of={of} />],
          ]}
        />
        <Steps of={of} isInForce={isInForce} newestActivation={status.data?.newest_activation ?? 0} />
      </Panel>
      <Compared of={of} />
      <Trial of={of.text} />
    </>
  );
}

function State({
  of: { activation_kind: kind },
  isInForce,
}: {
  readonly of: PolicyRevisionText;
  readonly isInForce: boolean;
}) {
  if (isInForce) return <span className="tag good">{text.current}</span>;
  return kind === "suspect" ? text.rolledBack : "–";
}

function Approvals({ of: { approvals } }: { readonly of: PolicyRevisionText }) {
  const nameOf = useNameOf();
  if (approvals.length === 0) return <span className="quiet">{text.noApprovals}</span>;
  return (
    <ul>
      {approvals.map(({ approver, note, approved_at, is_for_unwatched: isForUnwatched }) => (
        <li key={`${approver} ${approved_at}`}>
          {text.approved(nameOf(approver), formatMoment(Date.parse(approved_at)))} {isForUnwatched && text.forUnwatched}{" "}
          {note}
        </li>
      ))}
    </ul>
  );
}

interface StepsProps {
  readonly of: PolicyRevisionText;
  readonly isInForce: boolean;
  readonly newestActivation: number;
}

function Steps({ of, isInForce, newestActivation }: StepsProps) {
  const may = useMay();
  const { person } = useSession();
  const [dialog, setDialog] = useState<"approve" | "activate">();
  const isOwn = of.author === person.id;
  const close = (): void => setDialog(undefined);
  return (
    <div className="actions">
      {may("policy:approve") && (
        <Button disabled={isOwn} title={isOwn ? text.own : undefined} onClick={() => setDialog("approve")}>
          {text.approve}
        </Button>
      )}
      {may("policy:write") && !isInForce && (
        <Button look="primary" onClick={() => setDialog("activate")}>
          {of.activation_kind === "return" ? text.rollBack : text.activate}
        </Button>
      )}
      {isOwn && may("policy:approve") && <span className="quiet">{text.own}</span>}
      {dialog === "approve" && <ApproveDialog revision={of.revision} onClose={close} />}
      {dialog === "activate" && <ActivateDialog revision={of.revision} after={newestActivation} onClose={close} />}
    </div>
  );
}

/** The text, or its difference from another revision, by default the previous one. */
function Compared({ of }: { readonly of: PolicyRevisionText }) {
  const [other, setOther] = useState(of.revision - 1);
  const revisions = useRevisions();
  const before = useRevision(other);
  const options = (revisions.data?.revisions ?? [])
    .filter(({ revision }) => revision !== of.revision)
    .map(({ revision }) => [String(revision), text.revision(revision)] as const);
  return (
    <Panel
      title={other > 0 ? text.changes : text.text}
      aside={
        <SelectField
          label={text.compare}
          value={String(other)}
          options={[["0", text.compareNone], ...options]}
          onChange={(value) => setOther(Number(value))}
        />
      }
    >
      <Suspense fallback={<Skeleton lines={12} />}>
        {other > 0 ? (
          <Loaded query={before}>
            {(found) => <PolicyText label={text.changes} text={of.text} original={found.text} />}
          </Loaded>
        ) : (
          <PolicyText label={text.text} text={of.text} />
        )}
      </Suspense>
    </Panel>
  );
}
