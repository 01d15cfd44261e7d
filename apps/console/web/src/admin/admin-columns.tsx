import { useMemo, useState } from "react";
import { useMay } from "../app/session.js";
import { formatMoment } from "../format/times.js";
import { text } from "../texts/en/admin.js";
import { Button } from "../ui/button.js";
import type { Column } from "../ui/data-table.js";

/** Fields that users and clients have in common. */
interface Account {
  readonly disabled_at: string | null;
  readonly created_at: string;
}

function StateMark({ isLocked }: { readonly isLocked: boolean }) {
  return isLocked ? <span className="tag bad">{text.locked}</span> : <span className="tag good">{text.mayIn}</span>;
}

/** The last columns of both tables. */
export const ACCOUNT_COLUMNS: readonly Column<Account>[] = [
  { id: "state", title: text.state, cell: ({ disabled_at }) => <StateMark isLocked={disabled_at !== null} /> },
  {
    id: "created",
    title: text.added,
    look: "wide",
    cell: ({ created_at }) => <time>{formatMoment(Date.parse(created_at))}</time>,
  },
];

/** Adds a column with a button per row for users who may change the rows, and returns the selected row. */
export function useChangeable<Row>(columns: readonly Column<Row>[], nameOf: (row: Row) => string) {
  const [changed, setChanged] = useState<Row>();
  const mayChange = useMay()("people:write");
  const all = useMemo((): readonly Column<Row>[] => {
    if (!mayChange) return columns;
    const cell = (row: Row) => (
      <Button look="quiet" aria-label={text.changeOne(nameOf(row))} onClick={() => setChanged(() => row)}>
        {text.change}
      </Button>
    );
    return [...columns, { id: "action", title: text.action, cell }];
  }, [columns, nameOf, mayChange]);
  return { columns: all, mayChange, changed, onClose: () => setChanged(undefined) };
}
