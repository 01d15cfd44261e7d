import { z } from "zod";
import type { ControlClient } from "./control-client.js";

const step = z.object({
  revision: z.number(),
  at: z.string(),
  actor: z.string(),
  step: z.string(),
  stage: z.string(),
  canary_percent: z.number(),
  why: z.string(),
});

const finding = z.object({
  guard: z.string(),
  is_judged: z.boolean(),
  is_breached: z.boolean(),
  text: z.string(),
  /** Missing in responses from earlier releases. */
  data: z.array(z.object({ kind: z.string(), count: z.number(), needed: z.number() })).default([]),
});

const shownRollout = z.object({
  id: z.string(),
  model: z.string(),
  stage: z.enum(["shadow", "canary", "champion", "rolled-back"]),
  candidate: z.string(),
  champion: z.string(),
  canary_percent: z.number(),
  shadow_percent: z.number(),
  is_held: z.boolean(),
  /** Missing in responses from earlier releases. */
  is_registry_pending: z.boolean().optional(),
  revision: z.number(),
  started_at: z.string(),
  changed_at: z.string(),
  changed_by: z.string(),
  why: z.string(),
  /** Missing in responses from earlier releases. */
  offline: z.object({ money: z.string().nullable() }).nullish(),
  findings: z.array(finding),
  steps: z.array(step),
});

/** A model's rollout, as returned by the control plane's API. */
export type ShownRollout = z.infer<typeof shownRollout>;

export type RolloutStepName = "advance" | "hold" | "resume" | "promote" | "rollback";

/** The body of `POST /v1/rollouts`. The server has defaults for missing fields. */
export interface RolloutRequest {
  readonly model: string;
  readonly candidate: string;
  readonly why?: string;
  readonly begin_with?: "shadow" | "canary";
  readonly auto?: boolean;
  readonly shadow_percent?: number;
  readonly shadow_seconds?: number;
  readonly steps_percent?: readonly number[];
  readonly step_seconds?: number;
  readonly guards?: Readonly<Record<string, number>>;
  readonly without_comparison?: boolean;
}

/** Model rollouts, through the control plane's API. */
export class RolloutClient {
  constructor(private readonly control: Pick<ControlClient, "call">) {}

  async status(model: string): Promise<ShownRollout> {
    return shownRollout.parse(await this.control.call("GET", `/v1/rollouts/${model}`));
  }

  async start(request: RolloutRequest): Promise<ShownRollout> {
    return shownRollout.parse(await this.control.call("POST", "/v1/rollouts", { body: request }));
  }

  async step(model: string, name: RolloutStepName, why = ""): Promise<ShownRollout> {
    return shownRollout.parse(await this.control.call("POST", `/v1/rollouts/${model}/${name}`, { body: { why } }));
  }
}
