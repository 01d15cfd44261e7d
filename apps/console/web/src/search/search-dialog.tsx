import { useNavigate } from "@tanstack/react-router";
import type { KeyboardEvent } from "react";
import { useEffect, useState } from "react";
import { problemFrom } from "../api/request.js";
import { text } from "../texts/en/search.js";
import { Dialog } from "../ui/dialog.js";
import { TextField } from "../ui/field.js";
import { ProblemNote } from "../ui/states.js";
import type { Hit, HitGroup } from "./show-hits.js";
import { groupHits } from "./show-hits.js";
import { useSearch } from "./use-search.js";

const LIST = "search-hits";
const idOf = (index: number): string => `${LIST}-${index}`;

/** Searches everything. Arrow keys select a result, and Enter opens it. */
export function SearchDialog({ onClose }: { readonly onClose: () => void }) {
  const navigate = useNavigate();
  const [typed, setTyped] = useState("");
  const [chosen, setChosen] = useState(0);
  const { result, error, refetch, isTooLong, isCurrent } = useSearch(typed);
  const groups = result === undefined ? [] : groupHits(result);
  const hits = groups.flatMap((group) => group.hits);
  const at = Math.min(chosen, hits.length - 1);
  useEffect(() => {
    // In Chromium, this returns a promise, which must not become the cleanup of the effect.
    document.getElementById(idOf(at))?.scrollIntoView({ block: "nearest" });
  }, [at]);
  const open = (hit: Hit | undefined): void => {
    if (hit === undefined) return;
    onClose();
    void navigate(hit.to);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    // Enter opens a result only if the results belong to the current text.
    if (event.key === "Enter" && isCurrent) open(hits[at]);
    if (step === undefined || hits.length === 0) return;
    event.preventDefault();
    setChosen((at + step + hits.length) % hits.length);
  };
  return (
    <Dialog title={text.title} onClose={onClose} isWide>
      <TextField
        label={text.label}
        isLabelHidden
        hint={text.hint}
        type="search"
        role="combobox"
        aria-expanded={hits.length > 0}
        aria-controls={LIST}
        aria-autocomplete="list"
        aria-activedescendant={hits.length > 0 ? idOf(at) : undefined}
        value={typed}
        onChange={(next) => {
          setTyped(next);
          setChosen(0);
        }}
        onKeyDown={onKeyDown}
      />
      {isTooLong && <p role="alert">{text.tooLong}</p>}
      {error !== null && <ProblemNote problem={problemFrom(error)} onRetry={() => void refetch()} />}
      <p role="status" className={isCurrent && hits.length === 0 ? "" : "visually-hidden"}>
        {isCurrent && (hits.length > 0 ? text.found(hits.length) : <strong>{text.none}</strong>)}
        {isCurrent && hits.length === 0 && <> {result?.isTokenHidden === true ? text.hidden : text.noneDetail}</>}
      </p>
      <Hits of={groups} at={at} onOpen={open} />
    </Dialog>
  );
}

interface HitsProps {
  readonly of: readonly HitGroup[];
  readonly at: number;
  readonly onOpen: (hit: Hit) => void;
}

function Hits({ of, at, onOpen }: HitsProps) {
  const starts = of.map((_, index) => of.slice(0, index).reduce((sum, { hits }) => sum + hits.length, 0));
  return (
    <div id={LIST} role="listbox" aria-label={text.hits} className="hits" tabIndex={-1}>
      {of.map(({ title, hits }, group) => (
        // biome-ignore lint/a11y/useSemanticElements: a group of a listbox
        <div key={title} role="group" aria-label={title}>
          <p aria-hidden="true" className="hit-group">
            {title}
          </p>
          {hits.map((hit, index) => {
            const own = (starts[group] ?? 0) + index;
            return (
              // biome-ignore lint/a11y/useKeyWithClickEvents: the field above handles the keys
              // biome-ignore lint/a11y/useFocusableInteractive: the field keeps the focus
              <div
                key={hit.key}
                id={idOf(own)}
                role="option"
                aria-selected={own === at}
                className="hit"
                onClick={() => onOpen(hit)}
              >
                <span>{hit.title}</span>
                <span className="quiet">{hit.detail}</span>
              </div>
            );
          })}
        </div>
      ))}
    </div>
  );
}
