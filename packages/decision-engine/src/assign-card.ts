import type { Rollout } from "@tripline/contracts/generated/tripline/events/v1/events";
import { RolloutStage, TrialRole } from "@tripline/contracts/generated/tripline/events/v1/events";
import { shareOf } from "./card-share.js";

/** Shares are in basis points of the cards. */
export const BASIS_POINTS = 10_000;

/** How a card takes part in a model rollout. */
export interface Assignment {
  readonly role: TrialRole;
  /** Whether the candidate scores the card's payments, no matter which model decides. */
  readonly isCandidateAsked: boolean;
}

/**
 * How a card takes part in a rollout; undefined if it does not. A card keeps its position for the whole rollout, so a
 * growing share keeps its cards. Each rollout selects different cards, so that new models are not always tried on the
 * same cards.
 */
export function assignCard(rollout: Rollout, cardToken: string): Assignment | undefined {
  const place = placeOf(cardToken, rollout.rolloutId);
  if (rollout.stage === RolloutStage.SHADOW) {
    return place < rollout.shadowBasisPoints ? { role: TrialRole.SHADOW, isCandidateAsked: true } : undefined;
  }
  if (rollout.stage !== RolloutStage.CANARY) return undefined;
  if (place < rollout.canaryBasisPoints) return { role: TrialRole.CANARY, isCandidateAsked: true };
  // The shadow share starts at the other end, so the two shares overlap only if they add up to more than all cards.
  return { role: TrialRole.CONTROL, isCandidateAsked: BASIS_POINTS - 1 - place < rollout.shadowBasisPoints };
}

/** A pseudo-random number from 0 to 9,999, uniform over cards and over rollouts. */
export function placeOf(cardToken: string, rolloutId: string): number {
  return Math.floor((shareOf(cardToken, rolloutId) * BASIS_POINTS) / 100);
}
