/** Events that an endpoint can subscribe to. */
export const WEBHOOK_EVENT_TYPES = [
  "decision.approve",
  "decision.challenge",
  "decision.review",
  "decision.decline",
  "case.opened",
  "case.assigned",
  "case.unassigned",
  "case.closed",
  "case.reopened",
  "fraud_report.received",
  "list.changed",
  "policy.activated",
  "rollout.step",
  "rollout.rolled_back",
  "drift.detected",
] as const;

export type WebhookEventType = (typeof WEBHOOK_EVENT_TYPES)[number];

/** The event that a user sends to test an endpoint. Endpoints cannot subscribe to it. */
export const WEBHOOK_TEST_EVENT = "webhook.test";
