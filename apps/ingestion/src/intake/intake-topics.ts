import type { TopicName } from "@tripline/contracts/topics";

/** Topics of the events that clients send. */
export const INTAKE_TOPICS = [
  "transactions",
  "labels",
  "paymentUpdates",
  "fraudReports",
] as const satisfies readonly TopicName[];
export type IntakeTopic = (typeof INTAKE_TOPICS)[number];
