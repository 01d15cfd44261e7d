import type { CaseDetail } from "#contract/cases";
import { useNow } from "../app/use-now.js";
import { EntityLink } from "../entity/entity-link.js";
import { formatMoney, formatScore } from "../format/numbers.js";
import { formatMoment, formatRelative, formatSpan } from "../format/times.js";
import { Story } from "../queue/story.js";
import { text } from "../texts/en/cases.js";
import { CopyButton } from "../ui/copy-button.js";
import { OutcomeMark } from "../ui/marks.js";

/** The key facts: the case's outcome and urgency, and the amount and score of the payment to review first. */
export function CaseHead({ of }: { readonly of: CaseDetail }) {
  const nowMs = useNow();
  const isLate = of.status === "open" && of.dueAtMs < nowMs;
  const span = formatSpan(Math.abs(of.dueAtMs - nowMs));
  return (
    <div className="case-head">
      <div className="case-big">
        <OutcomeMark outcome={of.outcome} />
        <strong>{formatMoney(of.focus.amountMinor, of.focus.currency)}</strong>
        <strong>{of.focus.score === null ? text.case.noScore : formatScore(of.focus.score)}</strong>
        <span>
          <EntityLink kind="card" value={of.cardToken} />
          <CopyButton value={of.cardToken} of={text.case.card} />
        </span>
        {of.payments > 1 && (
          <span className="quiet">
            {text.case.inAll(text.queue.payments(of.payments), formatMoney(of.amountMinor, of.currency))}
            {of.score !== null && `, ${text.case.highestScore(formatScore(of.score))}`}
          </span>
        )}
      </div>
      {of.story && (
        <p className="story">
          <Story of={of.story} />
        </p>
      )}
      <div className="case-small">
        {of.verdict !== null && <span className={`tag ${of.verdict}`}>{text.verdict.closedAs(of.verdict)}</span>}
        {of.isEscalated && <span className="tag bad">{text.case.escalated}</span>}
        {of.snoozedUntilMs !== null && (
          <span className="tag">{text.case.snoozedUntil(formatMoment(of.snoozedUntilMs))}</span>
        )}
        {of.verdict === null && (
          <span>
            <span className="quiet">{text.case.due} </span>
            <time title={formatMoment(of.dueAtMs)} className={isLate ? "late" : ""}>
              {isLate ? text.queue.late(span) : text.queue.dueIn(span)}
            </time>
          </span>
        )}
        <span>
          <span className="quiet">{text.case.opened} </span>
          <time title={formatMoment(of.openedAtMs)}>{formatRelative(of.openedAtMs, nowMs)}</time>
        </span>
        <span>
          <span className="quiet">{text.case.assignee} </span>
          {of.assignee?.name ?? text.case.nobody}
        </span>
      </div>
    </div>
  );
}
