import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import type { PaymentDetail } from "#contract/payments";
import { request } from "../api/request.js";
import { Screen } from "../app/screen.js";
import { useMay } from "../app/session.js";
import { Contributions } from "../case/contributions.js";
import { PaymentFacts } from "../case/payment-facts.js";
import { Reasons } from "../case/reasons.js";
import { TimelineTable } from "../case/timeline.js";
import { EntityLink } from "../entity/entity-link.js";
import { formatMoney, formatScore } from "../format/numbers.js";
import { formatMoment } from "../format/times.js";
import { PersonalData } from "../personal/personal-data.js";
import { text as cases } from "../texts/en/cases.js";
import { text } from "../texts/en/payment.js";
import { Button } from "../ui/button.js";
import { LabelMark, OutcomeMark } from "../ui/marks.js";
import { Panel } from "../ui/panel.js";
import { Loaded } from "../ui/states.js";
import { RawRecord } from "./raw-record.js";

const SKELETON_LINES = 16;

/** One payment: its decision and reasons, its data, and what happened to it afterwards. */
export function PaymentScreen() {
  const { id } = useParams({ from: "/payments/$id" });
  const query = useQuery({
    queryKey: ["payment", id],
    queryFn: ({ signal }) => request<PaymentDetail>(`/api/decisions/${encodeURIComponent(id)}`, { signal }),
  });
  return (
    <Screen
      title={text.title(query.data?.clientTransactionId ?? id)}
      className="case-screen payment-screen"
      aside={
        <Button className="print-button" disabled={query.data === undefined} onClick={() => print()}>
          {text.print}
        </Button>
      }
    >
      <Loaded query={query} lines={SKELETON_LINES}>
        {(found) => <Payment key={found.transactionId} of={found} />}
      </Loaded>
    </Screen>
  );
}

function Payment({ of }: { readonly of: PaymentDetail }) {
  return (
    <>
      <Head of={of} />
      <div className="case-columns">
        <div className="case-main">
          <Reasons of={of} />
          <Contributions of={of} />
          <Panel title={text.timeline}>
            <TimelineTable caption={text.timeline} rows={of.timeline} />
          </Panel>
          <RawRecord of={of} />
        </div>
        <div className="case-side">
          <PaymentFacts of={of} />
          <PersonalData of={[of]} />
        </div>
      </div>
    </>
  );
}

function Head({ of }: { readonly of: PaymentDetail }) {
  const may = useMay();
  return (
    <div className="case-head">
      <div className="case-big">
        <OutcomeMark outcome={of.outcome} />
        <strong>{formatMoney(of.amountMinor, of.currency)}</strong>
        <strong>{of.score === null ? cases.case.noScore : formatScore(of.score)}</strong>
        <EntityLink kind="card" value={of.cardToken} />
        <LabelMark label={of.label} />
      </div>
      <div className="case-small">
        <time>{formatMoment(of.occurredAtMs)}</time>
        {of.caseId === null && <span className="quiet">{text.noCase}</span>}
        {of.caseId !== null && may("cases:read") && (
          <Link to="/cases/$id" params={{ id: of.caseId }}>
            {text.openCase}
          </Link>
        )}
      </div>
    </div>
  );
}
