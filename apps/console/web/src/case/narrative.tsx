import type { CaseDetail } from "#contract/cases";
import { text } from "../texts/en/cases.js";
import { Panel } from "../ui/panel.js";
import { useNarrative } from "./use-case.js";

const { narrative: words } = text.case;

/** A short text of the case: by a model where there is one, and told as such; until it is written, and where it is not, by the template. */
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
