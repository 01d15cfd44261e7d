import { BASIS_POINTS } from "@tripline/decision-engine/assign-card";
import { guardPlan } from "@tripline/decision-engine/rollouts/guard-plan";
import { nameSchema } from "@tripline/model-registry/model-manifest";
import { z } from "zod";
import { note } from "../requests/request-schemas.js";

const PERCENT = 100;
const STEPS_MAX = 20;
const SECONDS_MAX = 30 * 86_400;

const percent = z.number().min(0.01).max(PERCENT);
const seconds = z.number().int().min(0).max(SECONDS_MAX);

/** The plan of a rollout. */
export const rolloutPlan = z.strictObject({
  /** `canary` advances to the first step as soon as scoring serves the candidate. */
  begin_with: z.enum(["shadow", "canary"]).default("shadow"),
  /** Advance automatically up to champion while no guard objects. */
  auto: z.boolean().default(false),
  /** Percentage of cards that the candidate scores in shadow. */
  shadow_percent: percent.default(PERCENT),
  shadow_seconds: seconds.default(3_600),
  /** Percentages of cards for which the candidate decides, step by step. */
  steps_percent: z
    .array(percent)
    .min(1)
    .max(STEPS_MAX)
    .refine((steps) => steps.every((step, at) => at === 0 || step > (steps[at - 1] ?? 0)), "must be in ascending order")
    .default([1, 5, 25, 50]),
  step_seconds: seconds.default(3_600),
  guards: guardPlan.prefault({}),
});

export type RolloutPlan = z.infer<typeof rolloutPlan>;

/** Default of `label_days`, if neither the plan nor the candidate's training sets it. */
export const LABEL_DAYS = 30;

/** Above this share of the cards, the candidate needs mature labels of its own and a valid model card. */
export const UNPROVEN_BASIS_POINTS_MAX = 500;

/** Body of `POST /v1/rollouts`. */
export const startRequest = rolloutPlan
  .extend({
    model: nameSchema,
    /** A version or an alias. */
    candidate: z.string().min(1).max(64),
    why: note,
    /** Start although the candidate was not compared with this champion on labelled payments. Requires `why`. */
    without_comparison: z.boolean().default(false),
  })
  .refine(({ why, without_comparison }) => !without_comparison || why.trim() !== "", {
    path: ["why"],
    error: "must say why the candidate is rolled out without a comparison",
  })
  .refine(
    ({ steps_percent: [first = 0], guards }) =>
      guards.mature_labels_min === 0 || basisPoints(first) <= UNPROVEN_BASIS_POINTS_MAX,
    {
      path: ["steps_percent", 0],
      error: "must be at most 5 unless guards.mature_labels_min is 0, because the candidate has no labels yet",
    },
  );

export type StartRequest = z.infer<typeof startRequest>;

/** Body of every later step. */
export const stepRequest = z.strictObject({
  why: note,
  /** The step is rejected if the rollout has changed since. */
  expect_revision: z.number().int().min(1).optional(),
});

export type StepRequest = z.infer<typeof stepRequest>;

export function basisPoints(percent: number): number {
  return Math.round((percent / PERCENT) * BASIS_POINTS);
}

export function percentOf(points: number): number {
  // Dividing first would give 7.000000000000001 for 700.
  return (points * PERCENT) / BASIS_POINTS;
}
