import { useMemo, useState } from "react";
import type { ListEntry, ListSummary } from "../api/control.js";
import { problemFrom } from "../api/request.js";
import { Screen } from "../app/screen.js";
import { useMay } from "../app/session.js";
import { UserName } from "../app/user-name.js";
import { EntityLink } from "../entity/entity-link.js";
import { formatCount } from "../format/numbers.js";
import { formatMoment } from "../format/times.js";
import { text as app } from "../texts/en/app.js";
import { text } from "../texts/en/screens.js";
import { Button } from "../ui/button.js";
import type { Column } from "../ui/data-table.js";
import { DataTable } from "../ui/data-table.js";
import { Dialog } from "../ui/dialog.js";
import { TextField } from "../ui/field.js";
import { Empty, Loaded, ProblemNote } from "../ui/states.js";
import { AddDialog } from "./add-dialog.js";
import { entityKind } from "./entity-kinds.js";
import { Transfer } from "./transfer.js";
import type { EntrySearch } from "./use-lists.js";
import { useChangeLists, useEntries, useLists } from "./use-lists.js";

export function Lists() {
  const may = useMay();
  const lists = useLists();
  const [list, setList] = useState<string>();
  const [value, setValue] = useState("");
  const [isAdding, setAdding] = useState(false);
  const known = lists.data?.lists ?? [];
  const search: EntrySearch = useMemo(
    () => ({ ...(list === undefined ? {} : { list }), ...(value.trim() === "" ? {} : { value: value.trim() }) }),
    [list, value],
  );
  return (
    <Screen
      title={text.lists.title}
      aside={
        may("lists:write") && (
          <Button look="primary" onClick={() => setAdding(true)}>
            {text.lists.add}
          </Button>
        )
      }
    >
      <Loaded query={lists} lines={2}>
        {() => <ListTabs lists={known} chosen={list} onChoose={setList} />}
      </Loaded>
      <div className="filters">
        <TextField label={text.lists.search} type="search" className="long" value={value} onChange={setValue} />
        <Transfer list={list} search={search} />
      </div>
      <Entries search={search} />
      {isAdding && <AddDialog lists={known} list={list ?? "deny"} onClose={() => setAdding(false)} />}
    </Screen>
  );
}

interface ListTabsProps {
  readonly lists: readonly ListSummary[];
  readonly chosen: string | undefined;
  readonly onChoose: (list: string | undefined) => void;
}

function ListTabs({ lists, chosen, onChoose }: ListTabsProps) {
  const all = [{ list: undefined, title: text.lists.all, entries: lists.reduce((sum, one) => sum + one.entries, 0) }];
  const each = lists.map(({ list, effect, entries }) => ({
    list,
    title: list === effect ? list : `${list} (${text.lists.effects[effect]?.toLowerCase() ?? effect})`,
    entries,
  }));
  return (
    <div className="actions">
      {[...all, ...each].map(({ list, title, entries }) => (
        <Button key={title} look="quiet" className="chip" aria-pressed={list === chosen} onClick={() => onChoose(list)}>
          {title} <span className="quiet">{formatCount(entries)}</span>
        </Button>
      ))}
    </div>
  );
}

const COLUMNS: readonly Column<ListEntry>[] = [
  { id: "list", title: text.lists.list, cell: ({ list }) => <strong>{list}</strong> },
  { id: "effect", title: text.lists.effect, cell: ({ effect }) => text.lists.effects[effect] ?? effect },
  { id: "kind", title: text.lists.kind, cell: ({ kind }) => kind },
  {
    id: "value",
    title: text.lists.value,
    cell: ({ kind, value }) =>
      entityKind(kind) === undefined ? <code>{value}</code> : <EntityLink kind={kind} value={value} />,
  },
  { id: "reason", title: text.lists.reason, look: "grow", cell: ({ reason }) => reason },
  {
    id: "expires",
    title: text.lists.expires,
    cell: ({ expires_at }) =>
      expires_at === null ? text.lists.expiry.never : <time>{formatMoment(Date.parse(expires_at))}</time>,
  },
  { id: "author", title: text.lists.author, cell: ({ author }) => <UserName id={author} /> },
  {
    id: "created",
    title: text.lists.created,
    cell: ({ created_at }) => <time>{formatMoment(Date.parse(created_at))}</time>,
  },
];

function Entries({ search }: { readonly search: EntrySearch }) {
  const may = useMay();
  const query = useEntries(search);
  const [removed, setRemoved] = useState<ListEntry>();
  const rows = useMemo(() => query.data?.pages.flatMap(({ entries }) => entries) ?? [], [query.data]);
  const mayChange = may("lists:write");
  const columns = useMemo((): readonly Column<ListEntry>[] => {
    if (!mayChange) return COLUMNS;
    const remove = (entry: ListEntry) => (
      <Button look="quiet" onClick={() => setRemoved(entry)}>
        {text.lists.remove}
      </Button>
    );
    return [...COLUMNS, { id: "action", title: text.lists.action, cell: remove }];
  }, [mayChange]);
  return (
    <Loaded query={query}>
      {() =>
        rows.length === 0 ? (
          <Empty title={text.lists.empty}>{text.lists.emptyDetail}</Empty>
        ) : (
          <div className="panel tall">
            <DataTable
              caption={text.lists.entries}
              columns={columns}
              rows={rows}
              rowKey={({ list, kind, value }) => `${list} ${kind} ${value}`}
            />
            {query.hasNextPage && (
              <Button disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
                {app.more}
              </Button>
            )}
            {removed !== undefined && <RemoveDialog entry={removed} onClose={() => setRemoved(undefined)} />}
          </div>
        )
      }
    </Loaded>
  );
}

function RemoveDialog({ entry, onClose }: { readonly entry: ListEntry; readonly onClose: () => void }) {
  const { remove } = useChangeLists();
  return (
    <Dialog
      title={text.lists.removeTitle}
      description={text.lists.removeDetail(entry.value, entry.list)}
      onClose={onClose}
    >
      {remove.error !== null && <ProblemNote problem={problemFrom(remove.error)} />}
      <div className="actions end">
        <Button onClick={onClose}>{app.cancel}</Button>
        <Button look="danger" disabled={remove.isPending} onClick={() => remove.mutate(entry, { onSuccess: onClose })}>
          {text.lists.remove}
        </Button>
      </div>
    </Dialog>
  );
}
