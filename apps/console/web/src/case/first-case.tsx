import { useEffect, useState } from "react";
import { useMay, useSession } from "../app/session.js";
import { text } from "../texts/en/cases.js";
import { Button } from "../ui/button.js";
import { Panel } from "../ui/panel.js";

const KEY = "tripline.first-case.";
const { steps } = text.firstCase;

/** Highlights the element of the tour's current step. */
function point(name: string | undefined): void {
  for (const marked of document.querySelectorAll(".toured")) marked.classList.remove("toured");
  const target = name === undefined ? null : document.querySelector(`[data-tour="${name}"]`);
  target?.classList.add("toured");
  target?.scrollIntoView({ block: "nearest" });
}

/** A one-time tour of a case. It sits next to the content, so it blocks nothing and all keys keep working. */
export function FirstCase() {
  const may = useMay();
  const { person } = useSession();
  const key = KEY + person.id;
  const [isOver, setOver] = useState(() => localStorage.getItem(key) !== null);
  const [at, setAt] = useState<number>();
  useEffect(() => {
    point(at === undefined ? undefined : steps[at]?.about);
    return () => point(undefined);
  }, [at]);
  if (isOver || !may("cases:write")) return null;
  const end = (): void => {
    localStorage.setItem(key, "seen");
    setOver(true);
    setAt(undefined);
  };
  const isLast = at === steps.length - 1;
  return (
    <Panel
      title={text.firstCase.title}
      className="first-case"
      aside={
        <Button look="quiet" onClick={end}>
          {text.firstCase.end}
        </Button>
      }
    >
      <p aria-live="polite">
        {at === undefined ? text.firstCase.intro : `${text.firstCase.step(at + 1, steps.length)} ${steps[at]?.words}`}
      </p>
      <div className="actions">
        {at !== undefined && at > 0 && <Button onClick={() => setAt(at - 1)}>{text.firstCase.before}</Button>}
        <Button onClick={() => (isLast ? end() : setAt(at === undefined ? 0 : at + 1))}>
          {at === undefined ? text.firstCase.begin : isLast ? text.firstCase.finish : text.firstCase.next}
        </Button>
      </div>
    </Panel>
  );
}
