import type { WebhookEventType } from "@tripline/contracts/webhook-events";

/** An event before it is addressed to endpoints. */
export interface WebhookEvent {
  /** Empty for an event that concerns all tenants: the operator's tenant receives it. */
  readonly tenant: string;
  readonly type: WebhookEventType;
  /** Unique within the tenant and the type: the same event read again has the same one. */
  readonly sourceId: string;
  readonly atMs: number;
  /** Events with the same key are sent in order. */
  readonly orderKey?: string;
  /** Without card and personal data. */
  readonly data: Readonly<Record<string, unknown>>;
}
