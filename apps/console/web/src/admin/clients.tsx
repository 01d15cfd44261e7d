import { SCOPES } from "@tripline/contracts/roles";
import { useState } from "react";
import type { AdminClient } from "../api/auth.js";
import { useDraft } from "../app/keep-draft.js";
import { text } from "../texts/en/admin.js";
import { Button } from "../ui/button.js";
import { CheckList } from "../ui/check-list.js";
import type { Column } from "../ui/data-table.js";
import { DataTable } from "../ui/data-table.js";
import { Dialog } from "../ui/dialog.js";
import { TextField } from "../ui/field.js";
import { FormDialog } from "../ui/form-dialog.js";
import { Panel } from "../ui/panel.js";
import { Empty, Loaded } from "../ui/states.js";
import { ACCOUNT_COLUMNS, useChangeable } from "./admin-columns.js";
import { Result } from "./secret-shown.js";
import { AdminStepDialog } from "./step-dialog.js";
import { useAdminChange, useClients } from "./use-admin.js";

const BY_SECRET = "client_secret_basic";

const ownerOf = (owner: AdminClient["owner"]): string => {
  if (owner === null) return text.clients.noOwner;
  return owner.is_disabled ? text.clients.ownerLocked(owner.user_name) : owner.user_name;
};

const COLUMNS: readonly Column<AdminClient>[] = [
  { id: "id", title: text.clients.id, cell: ({ client_id }) => <code>{client_id}</code> },
  {
    id: "method",
    title: text.clients.method,
    cell: ({ auth_method: method }) => (method === BY_SECRET ? text.clients.secret : text.clients.key),
  },
  { id: "scopes", title: text.clients.scopes, look: "grow", cell: ({ scopes }) => scopes.join(", ") },
  { id: "owner", title: text.clients.owner, cell: ({ owner }) => ownerOf(owner) },
  ...ACCOUNT_COLUMNS,
];

const nameOf = ({ client_id }: AdminClient): string => client_id;

export function Clients() {
  const query = useClients();
  const [isAdding, setAdding] = useState(false);
  const { columns, mayChange, changed, onClose } = useChangeable(COLUMNS, nameOf);
  return (
    <Panel
      title={text.clients.title}
      aside={mayChange && <Button onClick={() => setAdding(true)}>{text.clients.add}</Button>}
    >
      <Loaded query={query} lines={3}>
        {({ clients }) =>
          clients.length === 0 ? (
            <Empty title={text.clients.none}>{text.clients.noneDetail}</Empty>
          ) : (
            <DataTable
              caption={text.clients.title}
              columns={columns}
              rows={clients}
              rowKey={({ client_id }) => client_id}
            />
          )
        }
      </Loaded>
      {isAdding && <AddClientDialog onClose={() => setAdding(false)} />}
      {changed !== undefined && <ClientDialog of={changed} onClose={onClose} />}
    </Panel>
  );
}

function ClientDialog({ of, onClose }: { readonly of: AdminClient; readonly onClose: () => void }) {
  const [owner, setOwner] = useState(of.owner?.user_name ?? "");
  const to = `clients/${of.client_id}`;
  const steps = {
    ...(of.auth_method === BY_SECRET ? { "rotate-secret": { to: `${to}/rotate-secret` } } : {}),
    owner: { to: `${to}/owner`, method: "PUT", body: { owner } },
    ...(of.disabled_at === null ? { disable: { to: `${to}/disable` } } : { enable: { to: `${to}/enable` } }),
  } as const;
  return (
    <AdminStepDialog title={of.client_id} steps={steps} words={text.clients.steps} onClose={onClose}>
      {(step) =>
        step === "owner" && (
          <TextField
            label={text.clients.ownerName}
            hint={text.clients.ownerHint}
            required
            value={owner}
            onChange={setOwner}
          />
        )
      }
    </AdminStepDialog>
  );
}

const NEW = { client_id: "", scopes: ["transactions:write", "labels:write"] as readonly string[] };

function AddClientDialog({ onClose }: { readonly onClose: () => void }) {
  const [form, setForm, drop] = useDraft("client", NEW);
  const add = useAdminChange();
  if (add.data !== undefined) {
    return (
      <Dialog title={text.clients.added} onClose={onClose}>
        <Result of={add.data} onClose={onClose} />
      </Dialog>
    );
  }
  return (
    <FormDialog
      title={text.clients.add}
      description={text.clients.addDetail}
      submit={text.clients.add}
      change={add}
      isReady={form.scopes.length > 0}
      onSubmit={() => add.mutate({ to: "clients", body: form }, { onSuccess: () => void drop(form) })}
      onClose={onClose}
    >
      <TextField
        label={text.clients.id}
        required
        pattern="[A-Za-z0-9._\-]{1,64}"
        hint={text.clients.idHint}
        value={form.client_id}
        onChange={(client_id) => setForm({ ...form, client_id })}
      />
      <CheckList
        label={text.clients.scopes}
        options={SCOPES.map((scope) => [scope, scope])}
        chosen={form.scopes}
        onChange={(scopes) => setForm({ ...form, scopes })}
      />
    </FormDialog>
  );
}
