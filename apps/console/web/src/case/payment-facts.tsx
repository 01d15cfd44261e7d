import { SEARCHED_FIELDS } from "@tripline/contracts/generated/payment-fields";
import { Fragment } from "react";
import type { DecisionDetail, Outcome } from "#contract/decisions";
import { EntityLink } from "../entity/entity-link.js";
import { formatScore, formatShare } from "../format/numbers.js";
import { formatMoment, ZONE } from "../format/times.js";
import { PaymentLink } from "../payment/payment-link.js";
import { text } from "../texts/en/cases.js";
import { text as screens } from "../texts/en/screens.js";
import { CopyButton } from "../ui/copy-button.js";
import { Token } from "../ui/marks.js";
import { Facts, Panel } from "../ui/panel.js";

export function PaymentFacts({ of }: { readonly of: DecisionDetail }) {
  const { fact } = text.case;
  const model = of.modelName === "" ? text.case.none : `${of.modelName} ${of.modelVersion}`;
  return (
    <Panel title={text.case.facts} aside={<span className="quiet">{ZONE}</span>}>
      <Facts
        of={[
          [
            fact.id,
            <Fragment key="id">
              <PaymentLink id={of.transactionId}>
                <Token value={of.transactionId} />
              </PaymentLink>
              <CopyButton value={of.transactionId} of={fact.id} />
            </Fragment>,
          ],
          [fact.clientId, of.clientTransactionId],
          ...of.facts.map(({ name, title, text: value }) => {
            const kind = SEARCHED_FIELDS.find(({ column }) => column === name)?.kind;
            return [
              title,
              kind === undefined ? (
                <code key={name}>{value}</code>
              ) : (
                <EntityLink key={name} kind={kind} value={value} />
              ),
            ] as const;
          }),
          [fact.occurred, formatMoment(of.occurredAtMs)],
          [fact.decided, formatMoment(of.decidedAtMs)],
          [fact.latency, screens.live.ms(of.latencyMs.toFixed(0))],
          [fact.rung, text.case.rungs[of.rung]],
          [
            fact.policy,
            `${of.policyVersion}${of.policyRevision > 0 ? `, ${text.case.revision(of.policyRevision)}` : ""}`,
          ],
          [fact.model, model],
          ...(of.explorationProbability === null
            ? []
            : [[fact.exploration, explorationOf(of.explorationProbability, of.outcome)] as const]),
          ...(of.trial === null ? [] : [[fact.trial, <Trial key="trial" of={of.trial} />] as const]),
        ]}
      />
    </Panel>
  );
}

function explorationOf(probability: number, outcome: Outcome): string {
  if (probability === 0) return text.case.explorationSpent;
  const share = formatShare(probability);
  return outcome === "approve" ? text.case.explored(share) : text.case.notExplored(share);
}

function Trial({ of }: { readonly of: NonNullable<DecisionDetail["trial"]> }) {
  return (
    <>
      {of.candidateVersion} ({of.role}).{" "}
      {text.case.trialScores(formatScore(of.candidateScore), formatScore(of.championScore))}
    </>
  );
}
