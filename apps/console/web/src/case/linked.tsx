import { lazy, Suspense } from "react";
import type { CaseGraph, GraphNode } from "#contract/cases";
import { EntityLink } from "../entity/entity-link.js";
import { formatCount } from "../format/numbers.js";
import { text } from "../texts/en/cases.js";
import type { Column } from "../ui/data-table.js";
import { DataTable } from "../ui/data-table.js";
import { Panel } from "../ui/panel.js";

const LinkedGraph = lazy(async () => ({ default: (await import("./linked-graph.js")).LinkedGraph }));

const { graphColumns: titles } = text.case;

const COLUMNS: readonly Column<GraphNode>[] = [
  { id: "what", title: titles.what, cell: ({ kind }) => text.case.kinds[kind] },
  { id: "value", title: titles.value, cell: ({ kind, value }) => <EntityLink kind={kind} value={value} /> },
  { id: "payments", title: titles.payments, look: "number", cell: ({ payments }) => formatCount(payments) },
  {
    id: "frauds",
    title: titles.frauds,
    look: "number",
    cell: ({ frauds }) => (frauds > 0 ? <span className="tag fraud">{formatCount(frauds)}</span> : formatCount(frauds)),
  },
];

/** Entities that share payments with the card, as a graph and as a table. */
export function Linked({ of }: { readonly of: CaseGraph }) {
  return (
    <Panel
      title={text.case.linked}
      {...(of.isCut ? { aside: <span className="quiet">{text.case.graphCut}</span> } : {})}
    >
      {of.nodes.length < 2 ? (
        <p className="quiet">{text.case.graphNone}</p>
      ) : (
        <div className="linked">
          <div>
            <Suspense fallback={<div className="graph" />}>
              <LinkedGraph of={of} />
            </Suspense>
            <a className="credit" href="https://reactflow.dev" target="_blank" rel="noreferrer">
              {text.case.graphCredit}
            </a>
          </div>
          <DataTable caption={text.case.graphTable} columns={COLUMNS} rows={of.nodes} rowKey={({ id }) => id} />
        </div>
      )}
    </Panel>
  );
}
