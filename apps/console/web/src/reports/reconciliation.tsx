import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import type { ReconciliationLine } from "#contract/fraud-reports";
import { problemFrom, requestText } from "../api/request.js";
import { saveFile } from "../api/save-file.js";
import { formatCount, formatMoney, UNKNOWN } from "../format/numbers.js";
import { text as cases } from "../texts/en/cases.js";
import { text } from "../texts/en/reports.js";
import { Button } from "../ui/button.js";
import type { Column } from "../ui/data-table.js";
import { DataTable } from "../ui/data-table.js";
import { TextField } from "../ui/field.js";
import { Facts, Panel } from "../ui/panel.js";
import { Empty, Loaded, ProblemNote } from "../ui/states.js";
import type { Period } from "./use-reports.js";
import { reconciliationPath, useReconciliation } from "./use-reports.js";

const { reconciliation: words } = text;
const DAY_MS = 86_400_000;
const DAYS = 30;
const FILE_CHARACTERS_MAX = 64;
/** The CSV file contains all lines. */
const LINES_SHOWN_MAX = 200;

const dayOf = (atMs: number): string => new Date(atMs).toISOString().slice(0, "2026-01-01".length);
const lastDays = (nowMs: number): Period => ({ from: dayOf(nowMs - (DAYS - 1) * DAY_MS), to: dayOf(nowMs), file: "" });

/** Compares the reports of a period with the payments. A long period takes a while, so it starts on request. */
export function Reconciliation() {
  const [period, setPeriod] = useState(() => lastDays(Date.now()));
  const [asked, setAsked] = useState<Period>();
  const set = (change: Partial<Period>): void => setPeriod({ ...period, ...change });
  return (
    <Panel title={words.title} aside={asked !== undefined && <Export of={asked} />}>
      <p className="quiet">{words.detail}</p>
      <form
        className="filters"
        onSubmit={(event) => {
          event.preventDefault();
          setAsked(period);
        }}
      >
        <TextField label={words.from} type="date" required value={period.from} onChange={(from) => set({ from })} />
        <TextField label={words.to} type="date" required value={period.to} onChange={(to) => set({ to })} />
        <TextField
          label={words.file}
          maxLength={FILE_CHARACTERS_MAX}
          value={period.file}
          onChange={(file) => set({ file })}
        />
        <Button type="submit">{words.show}</Button>
      </form>
      {asked !== undefined && <Lines of={asked} />}
      <details>
        <summary>{words.meaning}</summary>
        <Facts of={FIGURES.map((name) => [words.figures[name], words.meanings[name]])} />
      </details>
    </Panel>
  );
}

const FIGURES = ["reports", "matched", "unmatched", "duplicates", "amountDiffers", "amountMinor"] as const;

const count = (name: Exclude<(typeof FIGURES)[number], "amountMinor">): Column<ReconciliationLine> => ({
  id: name,
  title: words.figures[name],
  look: "number",
  cell: (line) => formatCount(line[name]),
});

const COLUMNS: readonly Column<ReconciliationLine>[] = [
  { id: "file", title: words.file, look: "grow", cell: ({ file }) => (file === "" ? words.noFile : file) },
  {
    id: "kind",
    title: words.kind,
    cell: ({ kind }) => (kind === "unknown" ? words.unknown : cases.case.reports[kind]),
  },
  ...(["reports", "matched", "unmatched", "duplicates", "amountDiffers"] as const).map(count),
  {
    id: "amount",
    title: words.figures.amountMinor,
    look: "number",
    // Reports without an amount have no currency either.
    cell: ({ amountMinor, currency }) => (currency === "" ? UNKNOWN : formatMoney(amountMinor, currency)),
  },
];

function Lines({ of }: { readonly of: Period }) {
  const query = useReconciliation(of);
  return (
    <Loaded query={query} lines={3}>
      {({ lines }) =>
        lines.length === 0 ? (
          <Empty title={words.none}>{words.noneDetail}</Empty>
        ) : (
          <>
            <DataTable
              caption={words.title}
              columns={COLUMNS}
              rows={lines.slice(0, LINES_SHOWN_MAX)}
              rowKey={({ file, kind, currency }) => `${kind} ${currency} ${file}`}
            />
            {lines.length > LINES_SHOWN_MAX && (
              <p className="quiet">{words.cut(formatCount(LINES_SHOWN_MAX), formatCount(lines.length))}</p>
            )}
          </>
        )
      }
    </Loaded>
  );
}

function Export({ of }: { readonly of: Period }) {
  const save = useMutation({
    mutationFn: async () => saveFile("reconciliation.csv", await requestText(reconciliationPath(of, ".csv"))),
  });
  return (
    <span className="actions">
      {save.error !== null && <ProblemNote problem={problemFrom(save.error)} />}
      <Button disabled={save.isPending} onClick={() => save.mutate()}>
        {words.export}
      </Button>
    </span>
  );
}
