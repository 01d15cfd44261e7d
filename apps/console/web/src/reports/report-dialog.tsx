import { useState } from "react";
import type { CandidatePayment, UnmatchedReport } from "#contract/fraud-reports";
import { useNow } from "../app/use-now.js";
import { EntityLink } from "../entity/entity-link.js";
import { formatMoney, UNKNOWN } from "../format/numbers.js";
import { formatMoment, formatPaid, formatSpan } from "../format/times.js";
import { text } from "../texts/en/reports.js";
import { Dialog } from "../ui/dialog.js";
import { Facts } from "../ui/panel.js";
import { Candidates } from "./candidates.js";
import { ConfirmMatch } from "./confirm-match.js";
import { kindOf } from "./report-kind.js";

const { unmatched: words } = text;

interface ReportDialogProps {
  readonly of: UnmatchedReport;
  readonly onMatched: (payment: CandidatePayment) => void;
  readonly onClose: () => void;
}

/** A report with the payments that it may be about, one of which the user can choose and then confirm. */
export function ReportDialog({ of, onMatched, onClose }: ReportDialogProps) {
  const [chosen, setChosen] = useState<CandidatePayment>();
  return (
    <Dialog title={text.report.title(of.reportId)} onClose={onClose} isWide>
      {chosen === undefined ? (
        <>
          <ReportFacts of={of} />
          <Candidates of={of} onChoose={setChosen} />
        </>
      ) : (
        <ConfirmMatch of={of} payment={chosen} onMatched={onMatched} onBack={() => setChosen(undefined)} />
      )}
    </Dialog>
  );
}

const shown = (value: string): string => (value === "" ? UNKNOWN : value);

function ReportFacts({ of }: { readonly of: UnmatchedReport }) {
  const nowMs = useNow();
  const reported = formatMoment(of.reportedAtMs);
  return (
    <Facts
      of={[
        [words.kind, kindOf(of)],
        [words.state, words.states[of.state]],
        [text.report.reported, text.report.ago(reported, formatSpan(Math.max(0, nowMs - of.reportedAtMs)))],
        [words.paid, formatPaid(of.occurredAtMs)],
        [words.amount, formatMoney(of.amountMinor, of.currency)],
        [words.card, <EntityLink key="card" kind="card" value={of.card} />],
        [words.reference, shown(of.acquirerReference)],
        [text.report.code, shown(of.authorisationCode)],
        [text.report.version, of.version],
        [words.file, shown(of.file)],
      ]}
    />
  );
}
