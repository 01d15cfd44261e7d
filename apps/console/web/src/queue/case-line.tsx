import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { memo } from "react";
import type { QueueRow } from "#contract/cases";
import { formatMoney, formatScore } from "../format/numbers.js";
import { formatMoment, formatSpan } from "../format/times.js";
import { text } from "../texts/en/cases.js";
import { OutcomeMark, Token } from "../ui/marks.js";
import { Story, storyOf } from "./story.js";

interface CaseLineProps {
  readonly row: QueueRow;
  readonly index: number;
  readonly startPx: number;
  readonly nowMs: number;
  readonly isCurrent: boolean;
  readonly isSelected: boolean;
  readonly onPoint: (index: number) => void;
  /** With Shift, selects all rows between this row and the last selected row. */
  readonly onToggle: (index: number, isRange: boolean) => void;
}

/** A case as one line: payment, urgency and assignee. */
export const CaseLine = memo(function CaseLine(props: CaseLineProps) {
  const { row, index, startPx, isCurrent, isSelected, onPoint, onToggle } = props;
  const look = `case-line${isCurrent ? " current" : ""}${isSelected ? " selected" : ""}`;
  return (
    // biome-ignore lint/a11y/useSemanticElements: the row of a virtual table
    // biome-ignore lint/a11y/useFocusableInteractive: its link is what takes the focus
    <div
      className={look}
      role="row"
      aria-rowindex={index + 2}
      aria-current={isCurrent ? "true" : undefined}
      style={{ transform: `translateY(${startPx}px)` }}
      onPointerDown={() => onPoint(index)}
    >
      <Cell of="select">
        <input
          type="checkbox"
          aria-label={text.queue.select(row.id)}
          checked={isSelected}
          onChange={({ nativeEvent }) => onToggle(index, nativeEvent instanceof MouseEvent && nativeEvent.shiftKey)}
        />
      </Cell>
      <Cell of="outcome">
        <OutcomeMark outcome={row.outcome} />
      </Cell>
      <Cell of="score">{formatScore(row.score)}</Cell>
      <Cell of="amount">{formatMoney(row.amountMinor, row.currency)}</Cell>
      <Cell of="card">
        <Link to="/cases/$id" params={{ id: row.id }} onFocus={() => onPoint(index)}>
          <Token value={row.cardToken} />
        </Link>
        <span className="quiet">{text.queue.payments(row.payments)}</span>
      </Cell>
      <Cell of="reasons">
        <Reasons of={row} />
      </Cell>
      <Times {...props} />
      <Cell of="assignee">{row.assignee?.name ?? <span className="quiet">{text.case.nobody}</span>}</Cell>
    </div>
  );
});

function Times({ row, nowMs }: CaseLineProps) {
  const isLate = row.status === "open" && row.dueAtMs < nowMs;
  const span = formatSpan(Math.abs((row.snoozedUntilMs ?? row.dueAtMs) - nowMs));
  return (
    <>
      <Cell of="due">
        {row.verdict === null ? (
          <time title={formatMoment(row.dueAtMs)} className={isLate ? "late" : ""}>
            {isLate ? text.queue.late(span) : text.queue.dueIn(span)}
          </time>
        ) : (
          <span className={`tag ${row.verdict}`}>{text.case.actions[row.verdict]}</span>
        )}
      </Cell>
      <Cell of="age">
        <time title={formatMoment(row.openedAtMs)}>{formatSpan(nowMs - row.openedAtMs)}</time>
      </Cell>
    </>
  );
}

/** The story and the reasons as sentences. The codes, which rules and filters use, appear on hover or focus. */
function Reasons({ of: { isEscalated, story, focusReasons, reasons } }: { readonly of: QueueRow }) {
  const codes = reasons.join(" ");
  const sentences = (focusReasons ?? []).map((reason) => reason.text).join(" ");
  const mark = isEscalated && <span className="tag bad">{text.queue.escalatedWord}</span>;
  return (
    <>
      {story && (
        <strong className="story" title={storyOf(story)}>
          {mark}
          <Story of={story} />
        </strong>
      )}
      <span className="sentences" title={sentences}>
        {!story && mark}
        {sentences === "" ? codes : sentences}
      </span>
      <code className="codes">{codes}</code>
    </>
  );
}

function Cell({ of, children }: { readonly of: string; readonly children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: the cell of a virtual table
    <span role="cell" className={`cell-${of}`}>
      {children}
    </span>
  );
}
