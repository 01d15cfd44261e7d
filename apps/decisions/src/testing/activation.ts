import { createHash } from "node:crypto";
import { PolicyActivation } from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import { TABLES } from "@tripline/contracts/topics";
import type { OutgoingRecord } from "@tripline/kafka/port";

/** A policy that gives every payment this action and reason. */
export function policyText(reason: string, action = "challenge", rulesBefore = ""): string {
  return `version: "1"
rules:
${rulesBefore}  - id: all
    when: amount >= 0
    reason: ${reason}
    action: ${action}
    text: It is the rule.
default_decision:
  default: { action: review, reason: NO_FACTS, text: "Nothing is known." }
`;
}

/** An activation as control publishes it. Default: revision 1, effective immediately. */
export function activation(change: Partial<PolicyActivation>): PolicyActivation {
  const text = change.text ?? policyText("FIRST");
  const made = {
    tenant: "demo",
    activation: 1,
    revision: 1,
    author: "ann",
    note: "",
    activatesAtMs: 1_000,
    createdAtMs: 1_000,
    switchedOffRules: [],
    ...change,
  };
  return { ...made, text, sha256: createHash("sha256").update(text).digest("hex") };
}

export const keyOf = ({ tenant, activation: number }: PolicyActivation): string => `${tenant}/${number}`;

export function recordOf(message: PolicyActivation): OutgoingRecord {
  const { name, schema } = TABLES.policies;
  const headers = { [HEADERS.schema]: schema, [HEADERS.tenant]: message.tenant };
  return { topic: name, key: keyOf(message), value: PolicyActivation.encode(message).finish(), headers };
}
