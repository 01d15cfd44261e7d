import type { DecisionDetail } from "#contract/decisions";
import { EntityLink } from "../entity/entity-link.js";
import { formatScore, UNKNOWN } from "../format/numbers.js";
import { formatMoment, ZONE } from "../format/times.js";
import { text } from "../texts/en/cases.js";
import { text as screens } from "../texts/en/screens.js";
import { Token } from "../ui/marks.js";
import { Facts, Panel } from "../ui/panel.js";

const DEGREE_DIGITS = 3;

export function PaymentFacts({ of }: { readonly of: DecisionDetail }) {
  const { fact } = text.case;
  const position =
    of.latitude === null || of.longitude === null
      ? UNKNOWN
      : `${of.latitude.toFixed(DEGREE_DIGITS)}, ${of.longitude.toFixed(DEGREE_DIGITS)}`;
  const model = of.modelName === "" ? text.case.none : `${of.modelName} ${of.modelVersion}`;
  return (
    <Panel title={text.case.facts} aside={<span className="quiet">{ZONE}</span>}>
      <Facts
        of={[
          [fact.id, <Token key="id" value={of.transactionId} />],
          [fact.clientId, of.clientTransactionId],
          [fact.terminal, <EntityLink key="terminal" kind="terminal" value={of.terminalId} />],
          [fact.device, <EntityLink key="device" kind="device" value={of.deviceToken} />],
          [fact.ip, <EntityLink key="ip" kind="ip" value={of.ipToken} />],
          [fact.position, position],
          [fact.occurred, formatMoment(of.occurredAtMs)],
          [fact.decided, formatMoment(of.decidedAtMs)],
          [fact.latency, screens.live.ms(of.latencyMs.toFixed(0))],
          [fact.rung, text.case.rungs[of.rung]],
          [
            fact.policy,
            `${of.policyVersion}${of.policyRevision > 0 ? `, ${text.case.revision(of.policyRevision)}` : ""}`,
          ],
          [fact.model, model],
          ...(of.trial === null ? [] : [[fact.trial, <Trial key="trial" of={of.trial} />] as const]),
        ]}
      />
    </Panel>
  );
}

function Trial({ of }: { readonly of: NonNullable<DecisionDetail["trial"]> }) {
  return (
    <>
      {of.candidateVersion} ({of.role}).{" "}
      {text.case.trialScores(formatScore(of.candidateScore), formatScore(of.championScore))}
    </>
  );
}
