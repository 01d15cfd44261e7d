import type { TimelineEntry } from "./cases.js";
import type { DecisionDetail } from "./decisions.js";

/** `GET /api/decisions/:id`, with either Tripline's ID or the client's ID. */
export interface PaymentDetail extends DecisionDetail {
  /** The payment with its label and its updates, newest first. */
  readonly timeline: readonly TimelineEntry[];
  /**
   * The records of the topics `features` and `decisions`, without sealed data. Without `personal:read`, tokens are
   * masked and positions are rounded.
   */
  readonly record: { readonly features: object; readonly decision: object };
}
