import { useState } from "react";
import type { AdminGrant } from "../api/auth.js";
import { useMay, useSession } from "../app/session.js";
import { formatMoment } from "../format/times.js";
import { text } from "../texts/en/admin.js";
import { Button } from "../ui/button.js";
import type { Column } from "../ui/data-table.js";
import { DataTable } from "../ui/data-table.js";
import { Panel } from "../ui/panel.js";
import { RequestedProvider } from "./requested-provider.js";
import { AdminStepDialog } from "./step-dialog.js";
import { useGrants, usePeople } from "./use-admin.js";

const isOfProvider = ({ change }: AdminGrant): boolean => change.action.startsWith("provider-");

const subjectOf = (grant: AdminGrant): string =>
  isOfProvider(grant)
    ? (grant.change.settings?.issuer ?? text.provider.title)
    : (grant.change.user_name ?? grant.change.client_id ?? text.provider.title);

function RequestedBy({ id }: { readonly id: string }) {
  const people = usePeople().data?.people ?? [];
  const { person } = useSession();
  const name = people.find(({ person_id }) => person_id === id)?.name ?? id;
  return (
    <>
      {name} {id === person.id && <span className="tag">{text.you}</span>}
    </>
  );
}

const COLUMNS: readonly Column<AdminGrant>[] = [
  {
    id: "action",
    title: text.grants.change,
    cell: ({ change }) => text.grants.actions[change.action] ?? change.action,
  },
  { id: "subject", title: text.grants.subject, cell: (grant) => <code>{subjectOf(grant)}</code> },
  {
    id: "rights",
    title: text.grants.rights,
    look: "grow",
    cell: ({ change: { roles, scopes } }) =>
      (roles?.map((role) => text.roles[role] ?? role) ?? scopes ?? []).join(", "),
  },
  { id: "by", title: text.grants.by, cell: ({ principal }) => <RequestedBy id={principal} /> },
  {
    id: "expires",
    title: text.grants.expires,
    look: "wide",
    cell: ({ expires_at }) => <time>{formatMoment(Date.parse(expires_at))}</time>,
  },
];

/** Changes awaiting approval by a second administrator. Hidden if there are none. */
export function Grants() {
  const grants = useGrants().data?.grants ?? [];
  const mayChange = useMay()("people:write");
  const [answered, setAnswered] = useState<AdminGrant>();
  const cell = (grant: AdminGrant) => (
    <Button look="quiet" aria-label={text.grants.answerOne(subjectOf(grant))} onClick={() => setAnswered(grant)}>
      {text.grants.answer}
    </Button>
  );
  const columns = mayChange ? [...COLUMNS, { id: "answer", title: text.action, cell }] : COLUMNS;
  return (
    <>
      {grants.length > 0 && (
        <Panel title={text.grants.title}>
          <DataTable caption={text.grants.title} columns={columns} rows={grants} rowKey={({ grant_id }) => grant_id} />
        </Panel>
      )}
      {answered !== undefined && <GrantDialog of={answered} onClose={() => setAnswered(undefined)} />}
    </>
  );
}

function GrantDialog({ of, onClose }: { readonly of: AdminGrant; readonly onClose: () => void }) {
  const { person } = useSession();
  const to = `grants/${of.grant_id}`;
  const steps = {
    ...(of.principal === person.id ? {} : { approve: { to: `${to}/approve` } }),
    reject: { to: `${to}/reject` },
  };
  return (
    <AdminStepDialog
      {...{ title: subjectOf(of), steps, words: text.grants.steps, onClose }}
      children={isOfProvider(of) ? () => <RequestedProvider change={of.change} /> : undefined}
    />
  );
}
