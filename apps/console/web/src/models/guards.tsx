import type { GuardFinding } from "../api/control.js";
import { formatCount, formatShare } from "../format/numbers.js";
import { text } from "../texts/en/models.js";
import { text as operations } from "../texts/en/operations.js";
import { Bar } from "../ui/panel.js";

const { models } = operations;

const unjudged = (guard: string): string => (guard === "model-card" ? models.blocked : models.waiting);

/** What each guard found, how close it is to its limit, and what data it still needs. */
export function Guards({ of }: { readonly of: readonly GuardFinding[] }) {
  return (
    <>
      <h3>{models.guards}</h3>
      {of.length === 0 && <p className="quiet">{models.noGuards}</p>}
      <ul className="guards">
        {of.map((finding) => (
          <li key={finding.guard}>
            <span className={finding.is_breached ? "tag bad" : finding.is_judged ? "tag good" : "tag"}>
              {finding.is_breached ? models.breached : finding.is_judged ? models.fine : unjudged(finding.guard)}
            </span>
            <strong>{models.guardNames[finding.guard] ?? finding.guard}</strong>
            <Distance of={finding} />
            <span>{finding.text}</span>
          </li>
        ))}
      </ul>
    </>
  );
}

/** How close a guard is to a breach. If it does not have enough data to report this, shows which data is missing. */
function Distance({ of: { is_judged: isJudged, figure = null, data = [] } }: { readonly of: GuardFinding }) {
  const missing = data.filter(({ count, needed }) => count < needed);
  const isShown = figure !== null && isJudged;
  if (!isShown && missing.length === 0) return null;
  return (
    <span className="distance">
      {isShown && (
        <>
          <Bar size={Math.min(1, figure.value / figure.limit)} look="review" />
          <span>{wordsOf(figure)}</span>
        </>
      )}
      {missing.length > 0 && <span>{text.guards.needs(missing.map(describe).join(", "))}</span>}
    </span>
  );
}

type Figure = NonNullable<GuardFinding["figure"]>;
type DataCount = NonNullable<GuardFinding["data"]>[number];

function wordsOf({ kind, value, limit }: Figure): string {
  if (kind === "share") return text.guards.share(formatShare(value), formatShare(Math.min(1, limit)));
  return text.guards.evidence(formatShare(Math.min(1, value / limit), 0));
}

function describe({ kind, count, needed }: DataCount): string {
  return text.guards.data[kind](formatCount(count), formatCount(needed));
}
