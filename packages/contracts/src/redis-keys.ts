import type { KeyGroups } from "./key-groups.js";
import { ONE_GROUP } from "./key-groups.js";

/**
 * Names of Redis keys and channels that more than one app uses. Keys that only one app uses are defined in that app.
 */

/**
 * The decision on a payment: the bytes of a `Decision`. Written once by the decision service, read by ingestion. In a
 * cluster, it shares the slot of the payment's `requestKey`.
 */
export function decisionKey(transactionId: string, groups: KeyGroups = ONE_GROUP): string {
  return `decision:${groups.tagOf(transactionId)}${transactionId}`;
}

/**
 * The channel on which an ingestion instance waits for answers. A message is a type byte followed by: `d` + Decision,
 * `D` + several decisions (`decision-replies.ts`), or `l` + label id in ASCII once the feature service has applied that
 * label.
 */
export function replyChannel(instanceId: string): string {
  return `reply:${instanceId}`;
}

export const REPLY_DECISION = 0x64;
export const REPLY_DECISIONS = 0x44;
export const REPLY_LABEL_APPLIED = 0x6c;

/**
 * A key that seals attributes on their way to the decision service: 32 bytes. Expires within about a day. Written by
 * ingestion, read by the decision service.
 *
 * @param keyId in hexadecimal digits
 */
export function transitKey(keyId: string): string {
  return `transit-key:${keyId}`;
}

/**
 * The position up to which the feature service has processed a partition, written together with the states. The key
 * includes the cluster's id, so that a recreated Kafka, whose offsets start again, is not mistaken for the old one.
 *
 * @param topic with the prefix
 */
export function appliedKey(clusterId: string, topic: string, partition: number): string {
  return `applied:${clusterId}:${topic}:${partition}`;
}
