import { useState } from "react";
import type { AdminPerson } from "../api/auth.js";
import { useSession } from "../app/session.js";
import { text } from "../texts/en/admin.js";
import { Button } from "../ui/button.js";
import type { Column } from "../ui/data-table.js";
import { DataTable } from "../ui/data-table.js";
import { Panel } from "../ui/panel.js";
import { Loaded } from "../ui/states.js";
import { AddPersonDialog } from "./add-person-dialog.js";
import { ACCOUNT_COLUMNS, useChangeable } from "./admin-columns.js";
import { PersonDialog } from "./person-dialog.js";
import { usePeople } from "./use-admin.js";

function Name({ name, id }: { readonly name: string; readonly id: string }) {
  const { person } = useSession();
  return (
    <strong>
      {name} {id === person.id && <span className="tag">{text.you}</span>}
    </strong>
  );
}

const COLUMNS: readonly Column<AdminPerson>[] = [
  { id: "name", title: text.people.name, cell: ({ name, person_id: id }) => <Name name={name} id={id} /> },
  { id: "user", title: text.people.userName, cell: ({ user_name }) => <code>{user_name}</code> },
  {
    id: "roles",
    title: text.people.roles,
    look: "grow",
    cell: ({ roles }) => roles.map((role) => text.roles[role] ?? role).join(", "),
  },
  {
    id: "factor",
    title: text.people.secondFactor,
    cell: ({ has_second_factor: has }) => (has ? text.people.hasFactor : text.people.noFactor),
  },
  ...ACCOUNT_COLUMNS,
];

const nameOf = ({ name }: AdminPerson): string => name;

export function People() {
  const query = usePeople();
  const [isAdding, setAdding] = useState(false);
  const { columns, mayChange, changed, onClose } = useChangeable(COLUMNS, nameOf);
  return (
    <Panel
      title={text.people.title}
      aside={mayChange && <Button onClick={() => setAdding(true)}>{text.people.add}</Button>}
    >
      <Loaded query={query} lines={4}>
        {({ people }) => (
          <DataTable
            caption={text.people.title}
            columns={columns}
            rows={people}
            rowKey={({ person_id }) => person_id}
          />
        )}
      </Loaded>
      {isAdding && <AddPersonDialog onClose={() => setAdding(false)} />}
      {changed !== undefined && <PersonDialog of={changed} onClose={onClose} />}
    </Panel>
  );
}
