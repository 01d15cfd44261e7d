import { Link, useNavigate, useParams } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { lazy, Suspense, useState } from "react";
import type { PolicyDraftText } from "../api/control.js";
import { problemFrom } from "../api/request.js";
import { Screen } from "../app/screen.js";
import { useMay } from "../app/session.js";
import { useNameOf } from "../app/user-name.js";
import { formatMoment } from "../format/times.js";
import { text as app } from "../texts/en/app.js";
import { text } from "../texts/en/policy.js";
import { Button } from "../ui/button.js";
import { TextField } from "../ui/field.js";
import { Panel } from "../ui/panel.js";
import { Loaded, ProblemNote, Skeleton } from "../ui/states.js";
import { Trial } from "./trial.js";
import { baseRevision, useChangePolicy, usePolicyStatus, useRevision, useSavedDraft } from "./use-policy.js";
import type { TypedDraft } from "./use-typed-draft.js";
import { useTypedDraft } from "./use-typed-draft.js";

const PolicyText = lazy(async () => ({ default: (await import("./policy-text.js")).PolicyText }));

/** A draft, with its errors shown as the user types. */
export function Draft() {
  const { name } = useParams({ from: "/policy/drafts/$name" });
  const saved = useSavedDraft(name);
  const status = usePolicyStatus();
  const revision = baseRevision(status.data);
  const base = useRevision(revision);
  const isReady = status.data !== undefined && (revision === 0 || base.data !== undefined);
  return (
    <Screen
      title={text.draftTitle(name)}
      back={
        <Link to="/policy" className="back">
          {text.title}
        </Link>
      }
    >
      <Loaded query={saved}>
        {(draft) =>
          draft !== null || isReady ? (
            <Editor
              key={name}
              name={name}
              saved={draft}
              base={base.data?.text ?? ""}
              onReload={() => void saved.refetch()}
            />
          ) : (
            <Skeleton lines={14} />
          )
        }
      </Loaded>
    </Screen>
  );
}

interface EditorProps {
  readonly name: string;
  readonly saved: PolicyDraftText | null;
  /** The text of the revision on which a new draft is based. */
  readonly base: string;
  readonly onReload: () => void;
}

function Editor({ name, saved, base, onReload }: EditorProps) {
  const may = useMay();
  const { typed, isUnsaved, isStale, setText, save, takeSaved, saving } = useTypedDraft(name, saved, base);
  const [faults, setFaults] = useState<readonly string[]>();
  const { addRevision } = useChangePolicy();
  const reload = (): void => {
    saving.reset();
    onReload();
  };
  return (
    <>
      {isStale && <Stale typed={typed} saved={saved} onKeep={save} onTakeSaved={takeSaved} />}
      <Panel
        title={text.editor}
        aside={isUnsaved && <span className="quiet">{text.unsaved}</span>}
        className="editor-panel"
      >
        <Suspense fallback={<Skeleton lines={14} />}>
          <PolicyText
            label={text.editor}
            text={typed.text}
            isReadOnly={!may("policy:write")}
            onChange={setText}
            onFaults={setFaults}
          />
        </Suspense>
        <p className="quiet">{text.editorHint}</p>
        <Faults of={faults} />
        {saving.error !== null && (
          <ProblemNote problem={problemFrom(saving.error)} onRetry={reload} retryLabel={app.problems.reload} />
        )}
        {saving.isSuccess && !isUnsaved && (
          <p role="status" className="said">
            {text.savedDraft(saving.data.version)}
          </p>
        )}
        {may("policy:write") && (
          <SaveRevision typed={typed.text} isFaulty={faults === undefined || faults.length > 0} add={addRevision}>
            <Button disabled={saving.isPending || isStale} onClick={save}>
              {text.saveDraft}
            </Button>
          </SaveRevision>
        )}
      </Panel>
      <Trial of={typed.text} isReady={faults?.length === 0} />
    </>
  );
}

interface StaleProps {
  readonly typed: TypedDraft;
  /** Null if it was removed. */
  readonly saved: PolicyDraftText | null;
  readonly onKeep: () => void;
  readonly onTakeSaved: () => void;
}

/** Another text was saved in the meantime. Both stay until the user has seen the difference and chosen one. */
function Stale({ typed, saved, onKeep, onTakeSaved }: StaleProps) {
  const nameOf = useNameOf();
  return (
    <Panel title={text.stale.title}>
      <p role="alert">
        {saved === null
          ? text.stale.removed
          : text.stale.saved(nameOf(saved.author), saved.version, formatMoment(Date.parse(saved.updated_at)))}{" "}
        {typed.version === 0 ? text.stale.begunNew : text.stale.begun(typed.version)}
      </p>
      {saved !== null && (
        <>
          <p className="quiet">{text.stale.difference(saved.version)}</p>
          <Suspense fallback={<Skeleton lines={8} />}>
            <PolicyText label={text.stale.label} text={typed.text} original={saved.text} />
          </Suspense>
        </>
      )}
      <div className="actions">
        <Button onClick={onKeep}>{text.stale.keep}</Button>
        <Button onClick={onTakeSaved}>{saved === null ? text.stale.discard : text.stale.take(saved.version)}</Button>
      </div>
    </Panel>
  );
}

function Faults({ of }: { readonly of: readonly string[] | undefined }) {
  if (of === undefined) return <p role="status">{text.checking}</p>;
  if (of.length === 0) {
    return (
      <p role="status" className="said">
        {text.valid}
      </p>
    );
  }
  return (
    <div role="status">
      <p className="late">{text.faults(of.length)}</p>
      <ul className="faults">
        {of.map((fault) => (
          <li key={fault}>{fault}</li>
        ))}
      </ul>
    </div>
  );
}

interface SaveRevisionProps {
  readonly typed: string;
  readonly isFaulty: boolean;
  readonly add: ReturnType<typeof useChangePolicy>["addRevision"];
  readonly children: ReactNode;
}

function SaveRevision({ typed, isFaulty, add, children }: SaveRevisionProps) {
  const navigate = useNavigate();
  const [note, setNote] = useState("");
  return (
    <form
      className="filters"
      onSubmit={(event) => {
        event.preventDefault();
        // A callback of `mutate` would not run, because loading the new revision unmounts this form.
        void add.mutateAsync({ text: typed, note }).then(
          ({ revision }) => navigate({ to: "/policy/revisions/$revision", params: { revision: String(revision) } }),
          () => undefined,
        );
      }}
    >
      <TextField label={text.note} className="long" value={note} onChange={setNote} />
      <Button type="submit" look="primary" disabled={add.isPending || isFaulty}>
        {text.saveRevision}
      </Button>
      {children}
      {add.error !== null && <ProblemNote problem={problemFrom(add.error)} />}
    </form>
  );
}
