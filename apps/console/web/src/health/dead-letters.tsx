import { useMemo, useState } from "react";
import type { DeadLetter, DeadLetterTopic, ReturnedLetters } from "../api/control.js";
import { problemFrom } from "../api/request.js";
import { useMay } from "../app/session.js";
import { formatCount } from "../format/numbers.js";
import { formatShortMoment } from "../format/times.js";
import { text as app } from "../texts/en/app.js";
import { text } from "../texts/en/operations.js";
import { Button } from "../ui/button.js";
import type { Column } from "../ui/data-table.js";
import { DataTable } from "../ui/data-table.js";
import { Dialog } from "../ui/dialog.js";
import { Panel } from "../ui/panel.js";
import { Loaded, ProblemNote } from "../ui/states.js";
import type { LettersToReturn } from "./use-operations.js";
import { useDeadLetters, useReturnLetters } from "./use-operations.js";

/** The control plane's maximum per request. */
const CHOSEN_MAX = 500;

const { deadColumns: titles } = text.health;
const keyOf = ({ partition, offset }: DeadLetter): string => `${partition}@${offset}`;

/** Records that no consumer could process. They can be redriven once the cause is fixed. */
export function DeadLetters() {
  const query = useDeadLetters();
  const [asked, setAsked] = useState<LettersToReturn>();
  const [result, setResult] = useState<ReturnedLetters>();
  return (
    <Panel title={text.health.dead}>
      {result !== undefined && <RedriveResult of={result} />}
      <Loaded query={query}>
        {({ topics }) =>
          topics.length === 0 ? (
            <p className="quiet">{text.health.noDead}</p>
          ) : (
            topics.map((topic) => <Letters key={topic.topic} of={topic} onReturn={setAsked} />)
          )
        }
      </Loaded>
      {asked !== undefined && <ReturnDialog of={asked} onDone={setResult} onClose={() => setAsked(undefined)} />}
    </Panel>
  );
}

function RedriveResult({ of: { returned, skipped } }: { readonly of: ReturnedLetters }) {
  return (
    <div role="status">
      <p className="said">{text.health.returned(formatCount(returned))}</p>
      {skipped.length > 0 && (
        <ul className="faults">
          {skipped.map((sentence) => (
            <li key={sentence}>{sentence}</li>
          ))}
        </ul>
      )}
    </div>
  );
}

const COLUMNS: readonly Column<DeadLetter>[] = [
  {
    id: "what",
    title: titles.what,
    look: "grow",
    cell: ({ code, message, returned, is_reference }) => (
      <>
        <code>{code}</code> {message}{" "}
        {returned > 0 && <span className="tag bad">{text.health.deadAgain(returned)}</span>}
        {is_reference && <span className="tag">{text.health.deadReference}</span>}
      </>
    ),
  },
  { id: "at", title: titles.at, cell: ({ buried_at }) => <time>{formatShortMoment(Date.parse(buried_at))}</time> },
  { id: "group", title: titles.group, look: "wide", cell: ({ group }) => group },
  { id: "tenant", title: titles.tenant, look: "wide", cell: ({ tenant }) => tenant },
  { id: "key", title: titles.key, look: "wide", cell: ({ key }) => <code className="token">{key}</code> },
  { id: "size", title: titles.size, look: "wide", cell: ({ bytes }) => text.health.bytes(formatCount(bytes)) },
];

interface LettersProps {
  readonly of: DeadLetterTopic;
  readonly onReturn: (asked: LettersToReturn) => void;
}

function Letters({ of: { topic, count, can_return, letters }, onReturn }: LettersProps) {
  const may = useMay();
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const canReturn = can_return && may("operations:write");
  // Some selected dead letters may no longer exist.
  const picked = useMemo(() => letters.filter((letter) => chosen.has(keyOf(letter))), [letters, chosen]);
  const returnable = letters.filter(({ is_reference }) => !is_reference).slice(0, CHOSEN_MAX);
  const columns = useMemo((): readonly Column<DeadLetter>[] => {
    if (!canReturn) return COLUMNS;
    const toggle = (key: string): void =>
      setChosen((before) => new Set(before.has(key) ? [...before].filter((one) => one !== key) : [...before, key]));
    const cell = (letter: DeadLetter) => (
      <input
        type="checkbox"
        aria-label={text.health.choose(topic, letter.offset)}
        checked={chosen.has(keyOf(letter))}
        disabled={letter.is_reference}
        onChange={() => toggle(keyOf(letter))}
      />
    );
    return [{ id: "choose", title: titles.choose, cell }, ...COLUMNS];
  }, [canReturn, chosen, topic]);
  const places = picked.map(({ partition, offset }) => ({ partition, offset }));
  return (
    <section className="stack" aria-label={text.health.deadTopic(topic, formatCount(count))}>
      <div className="actions">
        <h3>
          <code>{topic}</code> <span className="quiet">{formatCount(count)}</span>
        </h3>
        {canReturn && (
          <>
            <Button
              onClick={() => setChosen(picked.length > 0 ? new Set() : new Set(returnable.map((one) => keyOf(one))))}
            >
              {picked.length > 0 ? text.health.chooseNone : text.health.chooseAll}
            </Button>
            <Button look="primary" disabled={picked.length === 0} onClick={() => onReturn({ topic, letters: places })}>
              {text.health.return(picked.length)}
            </Button>
            {[...new Set(returnable.map(({ code }) => code))].map((code) => (
              <Button key={code} look="quiet" onClick={() => onReturn({ topic, code })}>
                {text.health.returnCode(code)}
              </Button>
            ))}
          </>
        )}
      </div>
      {!can_return && <p className="quiet">{text.health.deadNoReturn}</p>}
      {count > letters.length && <p className="quiet">{text.health.deadNewest(formatCount(letters.length))}</p>}
      <DataTable caption={`${text.health.dead}: ${topic}`} columns={columns} rows={letters} rowKey={keyOf} />
    </section>
  );
}

interface ReturnDialogProps {
  readonly of: LettersToReturn;
  readonly onDone: (result: ReturnedLetters) => void;
  readonly onClose: () => void;
}

function ReturnDialog({ of, onDone, onClose }: ReturnDialogProps) {
  const back = useReturnLetters();
  const what =
    "code" in of ? text.health.returnAll(of.code, of.topic) : text.health.returnChosen(of.letters.length, of.topic);
  const submit = (): void =>
    back.mutate(of, {
      onSuccess: (result) => {
        onDone(result);
        onClose();
      },
    });
  return (
    <Dialog title={text.health.returnTitle} description={what} onClose={onClose}>
      <p className="quiet">{text.health.returnDetail}</p>
      {back.error !== null && <ProblemNote problem={problemFrom(back.error)} />}
      <div className="actions end">
        <Button onClick={onClose}>{app.cancel}</Button>
        <Button look="primary" disabled={back.isPending} onClick={submit}>
          {text.health.returnTitle}
        </Button>
      </div>
    </Dialog>
  );
}
