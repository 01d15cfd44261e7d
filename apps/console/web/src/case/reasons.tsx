import { useState } from "react";
import type { DecisionDetail, FeatureValue, Reason } from "#contract/decisions";
import { text } from "../texts/en/cases.js";
import { OutcomeMark } from "../ui/marks.js";
import { Panel } from "../ui/panel.js";

/** The rules that fired, each with the payment's values that it names. A button shows all other values. */
export function Reasons({ of }: { readonly of: DecisionDetail }) {
  const isDegraded = of.rung !== "model" || of.degradedBecause !== "";
  return (
    <Panel title={text.case.why}>
      {isDegraded && <p className="note">{text.case.degraded(text.case.rungs[of.rung], of.degradedBecause)}</p>}
      {of.reasons.length === 0 && <p className="quiet">{text.case.noReasons}</p>}
      <ul className="reasons">
        {of.reasons.map((reason) => (
          <li key={reason.code}>
            <FiredRule reason={reason} of={of} />
          </li>
        ))}
      </ul>
      {of.listHits.length > 0 && (
        <>
          <h3>{text.case.lists}</h3>
          <ul className="tags">
            {of.listHits.map(({ list, kind, effect, reason }) => (
              <li key={`${list} ${kind}`} className="tag">
                {list} ({effect}, {kind}): {reason}
              </li>
            ))}
          </ul>
        </>
      )}
      {of.skippedRules.length > 0 && (
        <>
          <h3>{text.case.skipped}</h3>
          <ul className="tags">
            {of.skippedRules.map(({ ruleId, why, inShadow }) => (
              <li key={ruleId} className="tag">
                {text.case.skippedRule(ruleId, text.case.skippedWhy[why] ?? why, inShadow)}
              </li>
            ))}
          </ul>
        </>
      )}
      {of.shadowHits.length > 0 && (
        <>
          <h3>{text.case.shadow}</h3>
          <ul className="tags">
            {of.shadowHits.map(({ ruleId, code, outcome }) => (
              <li key={ruleId}>
                <OutcomeMark outcome={outcome} /> <code>{code}</code>
              </li>
            ))}
          </ul>
        </>
      )}
      <AllValues of={of.features} />
    </Panel>
  );
}

/** Followed by the name of the feature that moved the score. */
const RAISED_BY = "SCORE_RAISED_BY_";

interface FiredRuleProps {
  readonly reason: Reason;
  readonly of: DecisionDetail;
}

function FiredRule({ reason, of }: FiredRuleProps) {
  const named = of.features.filter(({ reasonCodes }) => reasonCodes.includes(reason.code));
  return (
    <>
      <div className="reason-line">
        <ReasonMark reason={reason} of={of} />
        <span>{reason.text}</span>
      </div>
      <div className="reason-values">
        <code className="quiet">{reason.code}</code>
        {named.map(({ name, title, text: value }) => (
          <span key={name} className="value">
            {title} <mark>{value}</mark>
          </span>
        ))}
      </div>
    </>
  );
}

/** The outcome that a rule requested, which may differ from the decision, or whether a value raised the score. */
function ReasonMark({ reason: { code, outcome }, of }: FiredRuleProps) {
  if (!code.startsWith(RAISED_BY)) return <span className="tag">{text.case.asked[outcome]}</span>;
  const feature = code.slice(RAISED_BY.length).toLowerCase();
  const moved = of.contributions?.of.find((one) => one.feature.toLowerCase() === feature)?.logOdds ?? 1;
  return <span className="tag">{moved < 0 ? text.case.lowered : text.case.raised}</span>;
}

function AllValues({ of }: { readonly of: readonly FeatureValue[] }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{text.case.values}</summary>
      {isOpen && (
        <table>
          <thead>
            <tr>
              <th scope="col">{text.case.valueColumns.name}</th>
              <th scope="col" className="number">
                {text.case.valueColumns.text}
              </th>
              <th scope="col">{text.case.valueColumns.reasons}</th>
            </tr>
          </thead>
          <tbody>
            {of.map(({ name, title, text: value, reasonCodes }) => (
              <tr key={name} className={reasonCodes.length > 0 ? "marked" : ""}>
                <td title={name}>{title}</td>
                <td className="number">{value}</td>
                <td>
                  <code>{reasonCodes.join(" ")}</code>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </details>
  );
}
