import { problemSchema } from "@tripline/http/describe-problems";
import { z } from "zod";

/** Response schemas. The IDs are names in the API's description. */

const outcome = z.enum(["approve", "challenge", "review", "decline"]);
const time = z.iso.datetime();
const id = z.string();

export const decisionSchema = z
  .strictObject({
    id: id.meta({ description: "Tripline's ID of the payment and its decision." }),
    transaction_id: z.string().meta({ description: "Your ID of the payment." }),
    status: z.literal("decided"),
    outcome,
    reasons: z
      .array(
        z.strictObject({
          code: z.string().meta({ description: "A stable code for use by programs." }),
          text: z.string().optional().meta({
            description: "A sentence for an analyst. Only with the scope decisions:explain or decisions:exact.",
          }),
          outcome: outcome.meta({ description: "The outcome that this reason alone would have caused." }),
        }),
      )
      .meta({ description: "Strictest first." }),
    score: z
      .number()
      .nullable()
      .optional()
      .meta({
        description:
          "Estimated fraud probability, rounded to 0.05, or exact with the scope decisions:exact. Null if neither the model nor the " +
          "scorecard returned one. Only with the scope decisions:explain or decisions:exact.",
      }),
    fallback_level: z
      .enum(["model", "scorecard", "rules", "default_decision"])
      .meta({ description: "The level of the fallback chain that made the decision." }),
    rung: z.enum(["model", "scorecard", "rules_only", "static_policy"]).meta({
      description: "The former name of fallback_level, with the former names of two values. Version 0.3.0 removes it.",
      deprecated: true,
    }),
    degraded_because: z.string().nullable().meta({ description: "Why the model did not decide; null if it did." }),
    skipped_rules: z
      .array(
        z.strictObject({
          rule_id: z.string(),
          why: z.string().meta({ description: "A code, for example budget-exceeded or evaluation-failed." }),
        }),
      )
      .optional()
      .meta({
        description: "Rules of the policy that had no result for this payment. Only with the scope decisions:explain.",
      }),
    card_token: z.string().meta({ description: "Represents the card. Can be sent instead of the card number." }),
    policy_version: z.string(),
    policy_revision: z.int().nullable().meta({
      description: "Revision number of the policy in the control plane; null if the policy comes from a file.",
    }),
    model: z.strictObject({ name: z.string(), version: z.string() }).nullable(),
    feature_spec_version: z.int(),
    occurred_at: time,
    accepted_at: time,
    decided_at: time,
  })
  .meta({ id: "Decision" });

export type DecisionBody = z.infer<typeof decisionSchema>;

export const pendingSchema = z
  .strictObject({
    id: id,
    transaction_id: z.string().optional(),
    status: z.literal("pending"),
  })
  .meta({ id: "Pending" });

export type PendingBody = z.infer<typeof pendingSchema>;

export const appliedSchema = z
  .strictObject({
    id: id,
    transaction_id: z.string(),
    status: z.literal("applied"),
  })
  .meta({ id: "AppliedLabel" });

const line = z.int().meta({ description: "Line number in the request, from 1." });

const refusedLine = z.strictObject({ line, status: z.int(), problem: problemSchema });

export const paymentLineSchema = z
  .union([
    z.strictObject({ line, status: z.literal(200), decision: decisionSchema }),
    z.strictObject({ line, status: z.literal(202), id: id, location: z.string() }),
    refusedLine,
  ])
  .meta({ id: "TransactionLine" });

export const labelLineSchema = z
  .union([z.strictObject({ line, status: z.union([z.literal(200), z.literal(202)]), id: id }), refusedLine])
  .meta({ id: "LabelLine" });

export const paymentUpdateLineSchema = z
  .union([z.strictObject({ line, status: z.literal(202), id: id }), refusedLine])
  .meta({ id: "PaymentUpdateLine" });

export const fraudReportLineSchema = z
  .union([z.strictObject({ line, status: z.literal(202), id: id }), refusedLine])
  .meta({ id: "FraudReportLine" });
