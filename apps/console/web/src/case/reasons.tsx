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
            <FiredRule reason={reason} features={of.features} />
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

function FiredRule({ reason, features }: { readonly reason: Reason; readonly features: readonly FeatureValue[] }) {
  const named = features.filter(({ reasonCodes }) => reasonCodes.includes(reason.code));
  return (
    <>
      <div className="reason-line">
        <OutcomeMark outcome={reason.outcome} />
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
