import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";
import type { CaseDetail, CaseRow } from "#contract/cases";
import { problemFrom } from "../api/request.js";
import { Screen } from "../app/screen.js";
import { useMay, useSession } from "../app/session.js";
import { useShortcuts } from "../app/shortcuts.js";
import { PersonalData } from "../personal/personal-data.js";
import { useKeptQueue, useTakeNext } from "../queue/use-cases.js";
import { text } from "../texts/en/cases.js";
import { Loaded, ProblemNote } from "../ui/states.js";
import { keepVerdict } from "../undo/decided.js";
import { Attachments } from "./attachments.js";
import { CaseActions } from "./case-actions.js";
import { CaseHead } from "./case-head.js";
import { Contributions } from "./contributions.js";
import { EscalateDialog } from "./escalate-dialog.js";
import { FirstCase } from "./first-case.js";
import { History } from "./history.js";
import { Linked } from "./linked.js";
import { Narrative } from "./narrative.js";
import { Notes } from "./notes.js";
import type { OpenDialog } from "./open-dialog.js";
import { PaymentFacts } from "./payment-facts.js";
import { PendingVerdict } from "./pending-verdict.js";
import { Reasons } from "./reasons.js";
import { SnoozeDialog } from "./snooze-dialog.js";
import { Timeline } from "./timeline.js";
import type { CaseAction } from "./use-case.js";
import { useCase, useCaseChange, useReload } from "./use-case.js";
import { Usual } from "./usual.js";
import { VerdictDialog } from "./verdict-dialog.js";

const SKELETON_LINES = 16;

export function CaseScreen() {
  const { id } = useParams({ from: "/cases/$id" });
  const query = useCase(id);
  const { filters } = useKeptQueue();
  return (
    <Screen
      title={text.case.title(id)}
      className="case-screen"
      back={
        <Link to="/queue" search={filters} className="back">
          {text.queue.title}
        </Link>
      }
    >
      <Loaded query={query} lines={SKELETON_LINES}>
        {(found) => <OpenCase key={id} of={found} />}
      </Loaded>
    </Screen>
  );
}

/**
 * Shows the decision first (outcome, reasons and contributions to the score), then the card's baseline, then its
 * history.
 */
function OpenCase({ of }: { readonly of: CaseDetail }) {
  const [dialog, setDialog] = useState<OpenDialog>();
  const change = useCaseChange(of);
  const reload = useReload(of.id);
  const take = useTakeNext();
  const { query } = useKeptQueue();
  const next = (): void => take.mutate({ filters: query, after: of.id });
  useKeys(of, change.mutate, setDialog, next);
  const close = (): void => setDialog(undefined);
  const decided = (verdict: "fraud" | "genuine", row: CaseRow): void => {
    keepVerdict([row], verdict);
    next();
  };
  const failed = change.error ?? take.error;
  return (
    <>
      <CaseHead of={of} />
      <CaseActions of={of} isBusy={change.isPending} onChange={change.mutate} onDialog={setDialog} onNext={next} />
      <FirstCase />
      {take.isSuccess && take.data === undefined && <p role="status">{text.queue.queueDone}</p>}
      {failed !== null && dialog === undefined && (
        <ProblemNote problem={problemFrom(failed)} onRetry={reload} retryLabel={text.case.reload} />
      )}
      {of.pendingVerdict !== null && (
        <PendingVerdict
          of={of}
          pending={of.pendingVerdict}
          onDecided={(row) => decided(row.verdict ?? "genuine", row)}
        />
      )}
      <div className="case-columns">
        <div className="case-main">
          <div data-tour="reasons">
            <Reasons of={of.focus} />
          </div>
          <div data-tour="contributions">
            <Contributions of={of.focus} />
          </div>
          <div data-tour="usual">
            <Usual of={of} />
          </div>
          <Timeline of={of} />
          <Linked of={of.graph} />
        </div>
        <div className="case-side">
          <Narrative of={of} />
          <div data-tour="notes">
            <Notes of={of} />
          </div>
          <Attachments of={of} />
          <PaymentFacts of={of.focus} />
          <PersonalData of={of.decisions} />
          <History of={of} />
        </div>
      </div>
      {(dialog === "fraud" || dialog === "genuine") && (
        <VerdictDialog of={of} verdict={dialog} onClose={close} onDecided={(row) => decided(dialog, row)} />
      )}
      {dialog === "snooze" && <SnoozeDialog of={of} onClose={close} />}
      {dialog === "escalate" && <EscalateDialog of={of} onClose={close} />}
    </>
  );
}

function useKeys(
  of: CaseDetail,
  change: (action: CaseAction) => void,
  open: (dialog: OpenDialog) => void,
  next: () => void,
): void {
  const may = useMay();
  const { person } = useSession();
  const navigate = useNavigate();
  const { filters } = useKeptQueue();
  const isOpen = of.status !== "closed" && may("cases:write");
  const mayLabel = isOpen && may("labels:write") && of.pendingVerdict === null;
  useShortcuts({
    a: () => isOpen && change({ to: "assign", body: { assignee: of.assignee?.id === person.id ? null : person.id } }),
    f: () => mayLabel && open("fraud"),
    g: () => mayLabel && open("genuine"),
    s: () => isOpen && open("snooze"),
    e: () => isOpen && open("escalate"),
    n: () => may("cases:write") && next(),
    c: () => document.getElementById("new-note")?.querySelector("textarea")?.focus(),
    u: () => void navigate({ to: "/queue", search: filters }),
  });
}
