import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import type { PolicyDraft, PolicyRevision, PolicyStatus } from "../api/control.js";
import { Screen } from "../app/screen.js";
import { useMay } from "../app/session.js";
import { UserName, useNameOf } from "../app/user-name.js";
import { formatMoment } from "../format/times.js";
import { text } from "../texts/en/policy.js";
import { Button } from "../ui/button.js";
import type { Column } from "../ui/data-table.js";
import { DataTable } from "../ui/data-table.js";
import { TextField } from "../ui/field.js";
import { Panel } from "../ui/panel.js";
import { Empty, Loaded } from "../ui/states.js";
import { ApprovalSettings, Waiting } from "./approvals.js";
import { Trial } from "./trial.js";
import { baseRevision, useDrafts, usePolicyStatus, useRevisions } from "./use-policy.js";

/** The active policy, its history, and drafts. */
export function Policy() {
  const status = usePolicyStatus();
  const may = useMay();
  return (
    <Screen title={text.title}>
      <div className="two">
        <Panel title={text.inForce}>
          <Loaded query={status} lines={3}>
            {(found) => <InForce of={found} />}
          </Loaded>
        </Panel>
        <Drafts mayWrite={may("policy:write")} base={baseRevision(status.data)} />
      </div>
      <Waiting />
      <Revisions inForce={status.data?.in_force?.revision ?? null} />
      <Trial />
    </Screen>
  );
}

const moment = (iso: string): string => formatMoment(Date.parse(iso));

function InForce({ of }: { readonly of: PolicyStatus }) {
  const nameOf = useNameOf();
  const { in_force, scheduled, switched_off_rules: off = [] } = of;
  return (
    <>
      {in_force === null || in_force.revision === null ? (
        <p>{text.fileInForce}</p>
      ) : (
        <p>
          <Link to="/policy/revisions/$revision" params={{ revision: String(in_force.revision) }}>
            <strong>{text.revision(in_force.revision)}</strong>
          </Link>{" "}
          {text.by(nameOf(in_force.author), moment(in_force.activates_at))}
        </p>
      )}
      {in_force !== null && in_force.note !== "" && <p>{in_force.note}</p>}
      {scheduled !== null && (
        <p className="note">
          {text.scheduled(
            scheduled.revision === null ? text.fileInForce : text.revision(scheduled.revision),
            moment(scheduled.activates_at),
          )}
        </p>
      )}
      {off.map(({ rule_id, why, switched_off_at }) => (
        <p className="note" key={rule_id}>
          {text.switchedOff(rule_id, text.failures[why] ?? why, moment(switched_off_at))}
        </p>
      ))}
      <ApprovalSettings of={of} />
    </>
  );
}

const DRAFTS: readonly Column<PolicyDraft>[] = [
  {
    id: "name",
    title: text.drafts,
    cell: ({ name }) => (
      <Link to="/policy/drafts/$name" params={{ name }}>
        {name}
      </Link>
    ),
  },
  { id: "author", title: text.author, cell: ({ author }) => <UserName id={author} /> },
  { id: "updated", title: text.created, cell: ({ updated_at }) => moment(updated_at) },
];

function Drafts({ mayWrite, base }: { readonly mayWrite: boolean; readonly base: number }) {
  const drafts = useDrafts();
  const navigate = useNavigate();
  const [name, setName] = useState("");
  return (
    <Panel title={text.drafts}>
      <Loaded query={drafts} lines={2}>
        {({ drafts: found }) =>
          found.length === 0 ? (
            <p className="quiet">{text.noDrafts}</p>
          ) : (
            <DataTable caption={text.drafts} columns={DRAFTS} rows={found} rowKey={({ name: of }) => of} />
          )
        }
      </Loaded>
      {mayWrite && (
        <form
          className="filters"
          onSubmit={(event) => {
            event.preventDefault();
            void navigate({ to: "/policy/drafts/$name", params: { name } });
          }}
        >
          <TextField
            label={text.newDraftName}
            required
            pattern="[A-Za-z0-9._\-]{1,64}"
            value={name}
            onChange={setName}
            {...(base > 0 ? { hint: text.fromRevision(base) } : {})}
          />
          <Button type="submit">{text.create}</Button>
        </form>
      )}
    </Panel>
  );
}

function Revisions({ inForce }: { readonly inForce: number | null }) {
  const revisions = useRevisions();
  const columns: readonly Column<PolicyRevision>[] = [
    {
      id: "revision",
      title: text.number,
      cell: ({ revision }) => (
        <Link to="/policy/revisions/$revision" params={{ revision: String(revision) }}>
          {text.revision(revision)}
        </Link>
      ),
    },
    {
      id: "state",
      title: text.state,
      cell: ({ revision }) => revision === inForce && <span className="tag good">{text.current}</span>,
    },
    { id: "note", title: text.note, look: "grow", cell: ({ note }) => note },
    { id: "version", title: text.version, cell: ({ version }) => <code>{version}</code> },
    { id: "author", title: text.author, cell: ({ author }) => <UserName id={author} /> },
    { id: "created", title: text.created, cell: ({ created_at }) => moment(created_at) },
  ];
  return (
    <Panel title={text.revisions}>
      <Loaded query={revisions}>
        {({ revisions: found }) =>
          found.length === 0 ? (
            <Empty title={text.noRevisions}>{text.noRevisionsDetail}</Empty>
          ) : (
            <DataTable
              caption={text.revisions}
              columns={columns}
              rows={found}
              rowKey={({ revision }) => String(revision)}
              rowLook={({ revision }) => (revision === inForce ? "marked" : "")}
            />
          )
        }
      </Loaded>
    </Panel>
  );
}
