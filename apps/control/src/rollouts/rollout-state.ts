import { TriplineError } from "@tripline/contracts/error-table";
import { BASIS_POINTS } from "@tripline/decision-engine/assign-card";
import type { Agreement } from "@tripline/decision-engine/rollouts/agreement";
import type { CallerKind } from "@tripline/tokens/verify-token";
import type { OfflineComparison } from "./offline-comparison.js";
import type { RolloutPlan } from "./rollout-plan.js";
import { basisPoints, percentOf, UNPROVEN_BASIS_POINTS_MAX } from "./rollout-plan.js";

/** Subject of automatic steps. A client with this name cannot make steps. */
export const GUARD = "guard";

/** The author of a step. */
export interface StepMaker {
  readonly subject: string;
  readonly kind: CallerKind | "service";
}

export type Stage = "shadow" | "canary" | "champion" | "rolled-back";

/** State of a model's rollout. */
export interface RolloutState {
  readonly rolloutId: string;
  readonly modelName: string;
  readonly stage: Stage;
  readonly candidateVersion: string;
  readonly championVersion: string;
  readonly canaryBasisPoints: number;
  readonly shadowBasisPoints: number;
  /** Whether automatic steps are paused. */
  readonly isHeld: boolean;
  readonly plan: RolloutPlan;
  /** How far the scores of the candidate and the champion agreed before the rollout. */
  readonly agreement?: Agreement | undefined;
  /** Undefined if the candidate was not compared with this champion before the rollout. */
  readonly offline?: OfflineComparison | undefined;
  /** Number of the latest step. */
  readonly revision: number;
  readonly startedAtMs: number;
  readonly changedAtMs: number;
  readonly changedBy: string;
  /** Set only while making a step; not stored. */
  readonly changedByKind?: StepMaker["kind"];
  readonly why: string;
  /** Rolled back, but the registry's aliases are not updated yet. */
  readonly isRegistryPending: boolean;
}

export const STEP_NAMES = ["advance", "hold", "resume", "promote", "rollback"] as const;
export type StepName = (typeof STEP_NAMES)[number];

/** The changes that a step makes. */
export type Change = Partial<
  Pick<RolloutState, "stage" | "canaryBasisPoints" | "shadowBasisPoints" | "isHeld" | "isRegistryPending">
>;

const ROLLED_BACK: Change = {
  stage: "rolled-back",
  canaryBasisPoints: 0,
  shadowBasisPoints: 0,
  isHeld: false,
  isRegistryPending: true,
};

export const isOpen = ({ stage }: Pick<RolloutState, "stage">): boolean => stage === "shadow" || stage === "canary";

/**
 * Applies a step to a rollout. Shadow and canary are never both on, because in canary, the control group's scores are
 * enough.
 *
 * A promotion can be rolled back until the next rollout of the model starts.
 *
 * @throws TriplineError `rollout-conflict` if the step is not allowed from this stage
 */
export function changeOf(step: StepName, state: RolloutState): Change {
  const isUndone = step === "rollback" && state.stage === "champion";
  if (!isOpen(state) && !isUndone) {
    const how = state.stage === "champion" ? "its candidate is the champion" : "it was rolled back";
    throw new TriplineError("rollout-conflict", `The rollout of ${state.modelName} has ended: ${how}.`);
  }
  switch (step) {
    case "hold":
      return { isHeld: true };
    case "resume":
      return { isHeld: false };
    case "promote":
      return { stage: "champion", canaryBasisPoints: 0, shadowBasisPoints: 0, isHeld: false };
    case "rollback":
      return ROLLED_BACK;
    case "advance": {
      const points = nextBasisPoints(state);
      if (points === undefined) return changeOf("promote", state);
      return { stage: "canary", canaryBasisPoints: points, shadowBasisPoints: 0, isHeld: false };
    }
  }
}

/** The share of the next step; undefined after the last one, when the candidate becomes the champion. */
function nextBasisPoints({ canaryBasisPoints, plan }: RolloutState): number | undefined {
  return plan.steps_percent.map(basisPoints).find((points) => points > canaryBasisPoints);
}

/** Whether a change gives the candidate more cards than it may decide without mature labels. */
export function needsLabels(change: Change, { canaryBasisPoints, plan }: RolloutState): boolean {
  return plan.guards.mature_labels_min > 0 && isAboveUnproven(change, canaryBasisPoints);
}

/** Whether a change needs a valid model card, if the candidate has one or cards are required. */
export function needsModelCard(change: Change, { canaryBasisPoints }: RolloutState): boolean {
  return change.stage === "champion" || isAboveUnproven(change, canaryBasisPoints);
}

/** Whether the candidate decides for more cards than are allowed without mature labels and a model card. */
export function hasManyCards({ stage, canaryBasisPoints }: Pick<RolloutState, "stage" | "canaryBasisPoints">): boolean {
  return stage === "champion" || canaryBasisPoints > UNPROVEN_BASIS_POINTS_MAX;
}

function isAboveUnproven(change: Change, canaryBasisPoints: number): boolean {
  const points = change.stage === "champion" ? BASIS_POINTS : (change.canaryBasisPoints ?? 0);
  return points > Math.max(UNPROVEN_BASIS_POINTS_MAX, canaryBasisPoints);
}

export function describeStage({ stage, canaryBasisPoints, shadowBasisPoints }: RolloutState): string {
  if (stage === "shadow") return `shadow with ${percentOf(shadowBasisPoints)} % of the cards`;
  return stage === "canary" ? `canary with ${percentOf(canaryBasisPoints)} % of the cards` : stage;
}
