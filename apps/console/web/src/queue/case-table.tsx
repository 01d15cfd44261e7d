import { useNavigate } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, useState } from "react";
import type { CaseRow } from "#contract/cases";
import { useShortcuts } from "../app/shortcuts.js";
import { useNow } from "../app/use-now.js";
import { text } from "../texts/en/cases.js";
import { CaseLine } from "./case-line.js";

const ROW_PX = 38;
const ROWS_AHEAD = 12;
const SELECTED_MAX = 200;

interface CaseTableProps {
  readonly rows: readonly CaseRow[];
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
  const [at, setAt] = useState(0);
  const list = useVirtualizer({
    count: rows.length,
    getScrollElement: () => frame.current,
    estimateSize: () => ROW_PX,
    overscan: ROWS_AHEAD,
  });
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
  const toggle = (id: string): void => {
    const next = new Set(selected);
    if (!next.delete(id) && next.size < SELECTED_MAX) next.add(id);
    onSelect(next);
  };
  const idAt = rows[current]?.id ?? "";
  const open = (id: string): void => void navigate({ to: "/cases/$id", params: { id } });
  useShortcuts({
    j: () => goTo(current + 1),
    k: () => goTo(current - 1),
    ArrowDown: () => goTo(current + 1),
    ArrowUp: () => goTo(current - 1),
    Enter: () => open(idAt),
    x: () => toggle(idAt),
  });
  return (
    // biome-ignore lint/a11y/useSemanticElements: a virtual table cannot be a table element; it has its roles
    <div className="cases" role="table" aria-label={text.queue.title} aria-rowcount={total + 1}>
      {/* biome-ignore lint/a11y/useSemanticElements: see above */}
      <div className="case-line head" role="row" aria-rowindex={1} tabIndex={-1}>
        {COLUMNS.map(([id, title]) => (
          // biome-ignore lint/a11y/useSemanticElements: see above
          <span key={id} role="columnheader" className={`cell-${id}`} tabIndex={-1}>
            {id === "select" ? <span className="visually-hidden">{title}</span> : title}
          </span>
        ))}
      </div>
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
