import { useNavigate } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, useState } from "react";
import type { QueueRow } from "#contract/cases";
import { useShortcuts } from "../app/shortcuts.js";
import { useNarrow } from "../app/use-narrow.js";
import { useNow } from "../app/use-now.js";
import { text } from "../texts/en/cases.js";
import { CaseLine } from "./case-line.js";

const ROW_PX = 50;
/** On a narrow screen, a row has four lines. */
const NARROW_ROW_PX = 105;
const ROWS_AHEAD = 12;
const SELECTED_MAX = 200;

interface CaseTableProps {
  readonly rows: readonly QueueRow[];
  readonly total: number;
  readonly selected: ReadonlySet<string>;
  readonly onSelect: (selected: ReadonlySet<string>) => void;
  /** Called when the last loaded row is near. */
  readonly onEnd: () => void;
}

const COLUMNS = Object.entries(text.queue.columns);

/** Only visible rows are in the document, regardless of the number of cases. */
export function CaseTable({ rows, total, selected, onSelect, onEnd }: CaseTableProps) {
  const navigate = useNavigate();
  const nowMs = useNow();
  const frame = useRef<HTMLDivElement>(null);
  const rowPx = useNarrow() ? NARROW_ROW_PX : ROW_PX;
  const [at, setAt] = useState(0);
  const lastToggled = useRef("");
  const list = useVirtualizer({
    count: rows.length,
    getScrollElement: () => frame.current,
    estimateSize: () => rowPx,
    overscan: ROWS_AHEAD,
  });
  useEffect(() => list.measure(), [rowPx]);
  const current = Math.min(at, rows.length - 1);
  const items = list.getVirtualItems();
  const lastShown = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (lastShown >= rows.length - ROWS_AHEAD) onEnd();
  }, [lastShown, rows.length, onEnd]);
  const goTo = (index: number): void => {
    const next = Math.max(0, Math.min(index, rows.length - 1));
    setAt(next);
    list.scrollToIndex(next);
  };
  const toggle = (index: number, isRange: boolean): void => {
    const id = rows[index]?.id ?? "";
    const from = rows.findIndex((row) => row.id === lastToggled.current);
    lastToggled.current = id;
    const next = new Set(selected);
    if (isRange && from >= 0) {
      const range = rows.slice(Math.min(from, index), Math.max(from, index) + 1);
      for (const row of range) if (next.size < SELECTED_MAX) next.add(row.id);
    } else if (!next.delete(id) && next.size < SELECTED_MAX) next.add(id);
    onSelect(next);
  };
  const selectable = rows.slice(0, SELECTED_MAX);
  const areAllSelected = selectable.every(({ id }) => selected.has(id));
  const idAt = rows[current]?.id ?? "";
  const open = (id: string): void => void navigate({ to: "/cases/$id", params: { id } });
  useShortcuts({
    j: () => goTo(current + 1),
    k: () => goTo(current - 1),
    ArrowDown: () => goTo(current + 1),
    ArrowUp: () => goTo(current - 1),
    Enter: () => open(idAt),
    x: () => toggle(current, false),
    X: () => toggle(current, true),
  });
  return (
    // biome-ignore lint/a11y/useSemanticElements: a virtual table cannot be a table element; it has its roles
    <div className="cases" role="table" aria-label={text.queue.title} aria-rowcount={total + 1}>
      <HeadLine
        areAllSelected={areAllSelected}
        onSelectAll={() => onSelect(new Set(areAllSelected ? [] : selectable.map((row) => row.id)))}
      />
      {/* biome-ignore lint/a11y/useSemanticElements: see above */}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reachable by keyboard */}
      <div className="case-rows" role="rowgroup" ref={frame} tabIndex={0} aria-label={text.queue.title}>
        <div className="case-space" style={{ height: list.getTotalSize() }}>
          {items.map(({ index, start }) => {
            const row = rows[index];
            if (row === undefined) return null;
            return (
              <CaseLine
                key={row.id}
                row={row}
                index={index}
                startPx={start}
                nowMs={nowMs}
                isCurrent={index === current}
                isSelected={selected.has(row.id)}
                onPoint={setAt}
                onToggle={toggle}
              />
            );
          })}
        </div>
      </div>
    </div>
  );
}

interface HeadLineProps {
  readonly areAllSelected: boolean;
  readonly onSelectAll: () => void;
}

function HeadLine({ areAllSelected, onSelectAll }: HeadLineProps) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: the row of a virtual table
    <div className="case-line head" role="row" aria-rowindex={1} tabIndex={-1}>
      {COLUMNS.map(([id, title]) => (
        // biome-ignore lint/a11y/useSemanticElements: see above
        <span key={id} role="columnheader" className={`cell-${id}`} tabIndex={-1}>
          {id === "select" ? (
            <input
              type="checkbox"
              aria-label={text.queue.selectAll}
              title={text.queue.selectAll}
              checked={areAllSelected}
              onChange={onSelectAll}
            />
          ) : (
            title
          )}
        </span>
      ))}
    </div>
  );
}
