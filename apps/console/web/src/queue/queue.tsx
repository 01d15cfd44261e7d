import { useMutation } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { useEffect, useMemo, useState } from "react";
import type { CaseQuery, QueueRow } from "#contract/cases";
import { problemFrom, queryString, requestText } from "../api/request.js";
import { saveFile } from "../api/save-file.js";
import { keepDraft, useDraft } from "../app/keep-draft.js";
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
import type { QueueSearch } from "./queue-search.js";
import { caseQuery, QUEUE_FILTERS, QUEUE_TEXT } from "./queue-search.js";
import { useCases, useTakeNext } from "./use-cases.js";
import { Views } from "./views.js";

const NO_ROWS: readonly QueueRow[] = [];

export function Queue() {
  const search = useSearch({ from: "/queue" });
  const [typed, setTyped] = useDraft(QUEUE_TEXT, "");
  // The case screen's link back to the queue restores these filters.
  useEffect(() => keepDraft(QUEUE_FILTERS, search), [search]);
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
          <Export search={search} typed={typed} />
          <TakeNext filters={caseQuery(search, typed)} />
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

/** Exports the cases that the filters and the search text match. */
function Export({ search, typed }: { readonly search: QueueSearch; readonly typed: string }) {
  const save = useMutation({
    // Not a link, because the browser's download list would keep the search text, which may contain a card.
    mutationFn: async () =>
      saveFile("cases.csv", await requestText(`/api/cases.csv${queryString(caseQuery(search, typed))}`)),
  });
  return (
    <>
      {save.error !== null && <span role="alert">{problemFrom(save.error).title}</span>}
      <Button disabled={save.isPending} onClick={() => save.mutate()}>
        {text.queue.export}
      </Button>
    </>
  );
}

/** Assigns the first unassigned case of the queue to the user and opens it. */
function TakeNext({ filters }: { readonly filters: CaseQuery }) {
  const may = useMay();
  const take = useTakeNext();
  const canTake = may("cases:write");
  const next = (): void => take.mutate({ filters });
  useShortcuts({ n: () => canTake && next() });
  if (!canTake) return null;
  return (
    <>
      {take.isSuccess && take.data === undefined && <span role="status">{text.queue.nextNone}</span>}
      {take.error !== null && <span role="alert">{problemFrom(take.error).title}</span>}
      <Button look="primary" shortcut="n" disabled={take.isPending} onClick={next}>
        {text.queue.next}
      </Button>
    </>
  );
}
