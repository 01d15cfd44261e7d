export type Goal = "paused" | "healthy";

export interface Rollout {
  readonly metadata: { readonly name: string; readonly generation?: number };
  readonly status?: {
    readonly phase?: string;
    readonly message?: string;
    readonly observedGeneration?: string;
    readonly pauseConditions?: readonly { readonly reason: string }[];
  };
}

export type Judgement =
  | { readonly state: "reached" | "moving"; readonly lines: readonly string[] }
  | { readonly state: "stopped"; readonly lines: readonly string[]; readonly fault: string };

export function judgeRollouts(rollouts: readonly Rollout[], goal: Goal): Judgement;

export function isAtPauseStep(rollout: Rollout): boolean;
