import type { CaseStory } from "#contract/cases";
import { formatMoney, formatMoneyRange } from "../format/numbers.js";
import { formatSpan } from "../format/times.js";
import { text } from "../texts/en/cases.js";

/** The pattern of a case's payments, on one line. */
export function Story({ of }: { readonly of: CaseStory }) {
  return <>{storyOf(of)}</>;
}

export function storyOf(story: CaseStory): string {
  const { currency } = story;
  const money = (minor: number): string => formatMoney(minor, currency);
  switch (story.kind) {
    case "same-amount":
      return text.story.sameAmount(story.payments, money(story.amountMinor), formatSpan(story.spanMs));
    case "burst": {
      const where = story.terminals > 1 ? text.story.atTerminals(story.terminals) : "";
      const sum =
        story.sumMinor === null ? text.story.inCurrencies(story.currencies) : text.story.sum(money(story.sumMinor));
      return text.story.burst(story.payments, where, formatSpan(story.spanMs), sum);
    }
    default: {
      const { minMinor, maxMinor, largeMinor, payments, later } = story;
      const range = formatMoneyRange(minMinor, maxMinor, currency);
      return text.story[story.kind](payments, range, money(largeMinor), later);
    }
  }
}
