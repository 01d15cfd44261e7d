import type { WebhookEventType } from "@tripline/contracts/webhook-events";

/** An event before it is addressed to endpoints. */
export interface WebhookEvent {
  /** Empty for an event that concerns all tenants, which the operator's tenant receives. */
  readonly tenant: string;
  readonly type: WebhookEventType;
  /** Unique within a tenant and type. If the same event is read again, it has the same ID. */
  readonly sourceId: string;
  readonly atMs: number;
  /** Events with the same key are sent in order. */
  readonly orderKey?: string;
  /** Contains no card data or personal data. */
  readonly data: Readonly<Record<string, unknown>>;
}
