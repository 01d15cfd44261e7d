import type { CaseDetail } from "#contract/cases";
import { text } from "../texts/en/cases.js";
import { Panel } from "../ui/panel.js";
import { useNarrative } from "./use-case.js";

const { narrative: words } = text.case;

/**
 * The case summary. It is written by a model if one is configured, and marked as such; otherwise, and until it is
 * ready, it comes from the template.
 */
export function Narrative({ of }: { readonly of: CaseDetail }) {
  const { data, error } = useNarrative(of);
  const model = data?.model ?? null;
  const fallback = error === null ? (data?.fallback ?? null) : "failed";
  return (
    <Panel title={words.title} {...(model === null ? {} : { aside: <span className="tag">{words.generated}</span> })}>
      <p className="narrative">{data?.text ?? of.narrative}</p>
      {of.narrativeModel !== null && (
        <p className="quiet" role="status">
          {model !== null
            ? words.byModel(model)
            : fallback !== null
              ? words.fallback[fallback]
              : words.writing(of.narrativeModel)}
        </p>
      )}
    </Panel>
  );
}
