import type { CaseDetail } from "#contract/cases";
import { formatMoment, withLocalTimes } from "../format/times.js";
import { text } from "../texts/en/cases.js";
import { Panel } from "../ui/panel.js";

/** Actions on the case with their authors, newest first. */
export function History({ of }: { readonly of: CaseDetail }) {
  return (
    <Panel title={text.case.history}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reachable by keyboard */}
      <ol className="history" tabIndex={0} aria-label={text.case.history}>
        {of.history
          .toSorted((a, b) => b.atMs - a.atMs)
          .map(({ atMs, by, text: what }) => (
            <li key={`${atMs} ${what}`}>
              <p>{withLocalTimes(what)}</p>
              <p className="quiet">
                {by?.name ?? text.case.system}, <time>{formatMoment(atMs)}</time>
              </p>
            </li>
          ))}
      </ol>
    </Panel>
  );
}
