import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import type { CaseRow } from "#contract/cases";
import { problemFrom, queryString } from "../api/request.js";
import { useDraft } from "../app/keep-draft.js";
import { Screen } from "../app/screen.js";
import { useMay } from "../app/session.js";
import { useShortcuts } from "../app/shortcuts.js";
import { formatCount } from "../format/numbers.js";
import { text } from "../texts/en/cases.js";
import { Button } from "../ui/button.js";
import { Empty, ProblemNote, Skeleton } from "../ui/states.js";
import { BulkBar } from "./bulk-bar.js";
import { CaseTable } from "./case-table.js";
import { Filters } from "./filters.js";
import { caseQuery } from "./queue-search.js";
import { useCases, useTakeNext } from "./use-cases.js";
import { Views } from "./views.js";

const NO_ROWS: readonly CaseRow[] = [];

export function Queue() {
  const search = useSearch({ from: "/queue" });
  const [typed, setTyped] = useDraft("queue-search", "");
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const cases = useCases(caseQuery(search, typed));
  const rows = useMemo(() => cases.data?.pages.flatMap((page) => page.cases) ?? NO_ROWS, [cases.data]);
  const total = cases.data?.pages[0]?.total;
  const chosen = useMemo(() => rows.filter(({ id }) => selected.has(id)), [rows, selected]);
  return (
    <Screen
      title={text.queue.title}
      className="queue-screen"
      aside={
        <>
          <span className="quiet" role="status">
            {total === undefined ? "" : text.queue.cases(total, formatCount(total))}
          </span>
          <a className="button" href={`/api/cases.csv${queryString(caseQuery(search, ""))}`} download>
            {text.queue.export}
          </a>
          <TakeNext />
        </>
      }
    >
      <Views search={search} />
      <Filters search={search} typed={typed} onTyped={setTyped} />
      <BulkBar cases={chosen} onDone={() => setSelected(new Set())} />
      {cases.error !== null && <ProblemNote problem={problemFrom(cases.error)} onRetry={() => void cases.refetch()} />}
      {cases.data === undefined && cases.error === null && <Skeleton lines={14} />}
      {cases.data !== undefined && rows.length === 0 && (
        <Empty title={text.queue.empty}>{text.queue.emptyDetail}</Empty>
      )}
      {rows.length > 0 && (
        <CaseTable
          rows={rows}
          total={total ?? rows.length}
          selected={selected}
          onSelect={setSelected}
          onEnd={() => {
            if (cases.hasNextPage && !cases.isFetchingNextPage) void cases.fetchNextPage();
          }}
        />
      )}
    </Screen>
  );
}

/** Assigns the most urgent unassigned case to the user and opens it. */
function TakeNext() {
  const may = useMay();
  const navigate = useNavigate();
  const take = useTakeNext((id) => void navigate({ to: "/cases/$id", params: { id } }));
  const canTake = may("cases:write");
  useShortcuts({ n: () => canTake && take.mutate() });
  if (!canTake) return null;
  return (
    <>
      {take.isSuccess && take.data === undefined && <span role="status">{text.queue.nextNone}</span>}
      {take.error !== null && <span role="alert">{problemFrom(take.error).title}</span>}
      <Button look="primary" shortcut="n" disabled={take.isPending} onClick={() => take.mutate()}>
        {text.queue.next}
      </Button>
    </>
  );
}
