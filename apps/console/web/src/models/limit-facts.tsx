import type { PromotionLimits } from "../api/control.js";
import { formatCount } from "../format/numbers.js";
import { formatMoment } from "../format/times.js";
import { text } from "../texts/en/models.js";
import { Facts } from "../ui/panel.js";
import { formatPercent } from "./rollout-step.js";
import { Signature } from "./signature.js";

const words = text.limits;

/** What limits for automatic promotion allow, and who set and signed them. */
export function LimitFacts({ of }: { readonly of: PromotionLimits }) {
  return (
    <Facts
      isListed
      of={[
        [words.percent, formatPercent(of.percent_max)],
        [words.promotions, words.promotionsOf(formatCount(of.promotions), formatCount(of.promotions_max))],
        [words.quality, of.may_be_as_good ? words.asGood : words.better],
        [words.money, of.needs_money ? words.needsMoney : words.noMoney],
        [words.labels, words.labelsOf(formatCount(of.mature_labels_min), of.label_days_min)],
        [words.guards, words.defaultGuards],
        [words.owner, of.owner],
        [words.cards, words.days(of.card_days)],
        [words.expires, formatMoment(Date.parse(of.expires_at))],
        [words.set, <Signature key="set" by={of.set_by} at={of.set_at} />],
        [
          words.signature,
          of.signed_by === null ? (
            text.contract.nobody
          ) : (
            <Signature key="signed" by={of.signed_by} at={of.signed_at ?? of.set_at} />
          ),
        ],
      ]}
    />
  );
}
