import { useInfiniteQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import type { AuditEntry } from "../api/control.js";
import { CONTROL } from "../api/control.js";
import { queryString, request } from "../api/request.js";
import { Screen } from "../app/screen.js";
import { formatMoment } from "../format/times.js";
import { text } from "../texts/en/screens.js";
import { Button } from "../ui/button.js";
import type { Column } from "../ui/data-table.js";
import { DataTable } from "../ui/data-table.js";
import { TextField } from "../ui/field.js";
import { Empty, Loaded } from "../ui/states.js";

const PAGE_ROWS = 100;

const COLUMNS: readonly Column<AuditEntry>[] = [
  { id: "when", title: text.audit.when, cell: ({ at }) => <time>{formatMoment(Date.parse(at))}</time> },
  { id: "who", title: text.audit.who, cell: ({ actor }) => actor },
  { id: "what", title: text.audit.what, cell: ({ action }) => <code>{action}</code> },
  { id: "details", title: text.audit.details, look: "grow", cell: ({ details }) => <Details of={details} /> },
];

function Details({ of }: { readonly of: AuditEntry["details"] }) {
  return (
    <ul className="details">
      {Object.entries(of)
        .filter(([, value]) => value !== null && value !== "")
        .map(([name, value]) => (
          <li key={name}>
            <span className="quiet">{name}</span> {typeof value === "string" ? value : JSON.stringify(value)}
          </li>
        ))}
    </ul>
  );
}

/** Who changed what, newest first. */
export function Audit() {
  const [typed, setTyped] = useState("");
  const query = useInfiniteQuery({
    queryKey: ["audit"],
    queryFn: ({ pageParam, signal }) =>
      request<{ entries: readonly AuditEntry[] }>(
        `${CONTROL}/audit${queryString({ before: pageParam, limit: PAGE_ROWS })}`,
        { signal },
      ),
    initialPageParam: undefined as number | undefined,
    getNextPageParam: ({ entries }) => (entries.length < PAGE_ROWS ? undefined : entries.at(-1)?.id),
  });
  const entries = useMemo(() => query.data?.pages.flatMap((page) => page.entries) ?? [], [query.data]);
  const wanted = typed.trim().toLowerCase();
  const shown = entries.filter((entry) => JSON.stringify(entry).toLowerCase().includes(wanted));
  return (
    <Screen title={text.audit.title} className="audit-screen">
      <div className="filters">
        <TextField label={text.audit.search} type="search" value={typed} onChange={setTyped} />
      </div>
      <Loaded query={query} lines={12}>
        {() =>
          shown.length === 0 ? (
            <Empty title={text.audit.empty}>{text.audit.emptyDetail}</Empty>
          ) : (
            <div className="panel">
              <DataTable caption={text.audit.title} columns={COLUMNS} rows={shown} rowKey={({ id }) => String(id)} />
            </div>
          )
        }
      </Loaded>
      {query.hasNextPage && (
        <div className="actions">
          <Button disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            {text.audit.older}
          </Button>
        </div>
      )}
    </Screen>
  );
}
