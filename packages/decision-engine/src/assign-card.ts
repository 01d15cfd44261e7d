import type { Rollout } from "@tripline/contracts/generated/tripline/events/v1/events";
import { RolloutStage, TrialRole } from "@tripline/contracts/generated/tripline/events/v1/events";
import { shareOf } from "./card-share.js";

/** Shares are in hundredths of a percent of the cards. */
export const BASIS_POINTS = 10_000;

/** What a card is to the rollout of a model. */
export interface Assignment {
  readonly role: TrialRole;
  /** Whether the candidate scores its payments, whoever decides. */
  readonly isCandidateAsked: boolean;
}

/**
 * The part that a card has in a rollout; undefined for none. A card keeps its place for the whole rollout: a share that
 * grows keeps the cards that it had. Another rollout draws others, so that it is not always the same cards that new models
 * are tried on.
 */
export function assignCard(rollout: Rollout, cardToken: string): Assignment | undefined {
  const place = placeOf(cardToken, rollout.rolloutId);
  if (rollout.stage === RolloutStage.SHADOW) {
    return place < rollout.shadowBasisPoints ? { role: TrialRole.SHADOW, isCandidateAsked: true } : undefined;
  }
  if (rollout.stage !== RolloutStage.CANARY) return undefined;
  if (place < rollout.canaryBasisPoints) return { role: TrialRole.CANARY, isCandidateAsked: true };
  // Counted from the other end, so that the two shares do not meet before they are all cards.
  return { role: TrialRole.CONTROL, isCandidateAsked: BASIS_POINTS - 1 - place < rollout.shadowBasisPoints };
}

/** A number from 0 to 9,999 that is as good as random over cards and over rollouts. */
export function placeOf(cardToken: string, rolloutId: string): number {
  return Math.floor((shareOf(cardToken, rolloutId) * BASIS_POINTS) / 100);
}
