import { Decision, Outcome, Rung } from "@tripline/contracts/generated/tripline/events/v1/events";
import { decisionSchema } from "../openapi/response-schemas.js";
import { presentDecision } from "./present-outcome.js";

test("regression #24: callers who get explanations see rules without a result, but no shadow rules", () => {
  const decision = {
    ...Decision.decode(new Uint8Array()),
    outcome: Outcome.APPROVE,
    rung: Rung.MODEL,
    skippedRules: [
      { ruleId: "many-lists", why: "budget-exceeded", inShadow: false },
      { ruleId: "tried", why: "evaluation-failed", inShadow: true },
    ],
  };
  const explained = presentDecision(decision, "explained");
  expect(explained.skipped_rules).toEqual([{ rule_id: "many-lists", why: "budget-exceeded" }]);
  expect(decisionSchema.safeParse(explained).success).toBe(true);
  expect(presentDecision(decision, "outcome")).not.toHaveProperty("skipped_rules");
});
