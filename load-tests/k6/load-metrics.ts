import { Counter, Rate, Trend } from "k6/metrics";

/** The metrics with limits, all tagged with the phase. */

/** From the request to the decision, as the caller sees it, ms. */
export const decisionLatency = new Trend("decision_latency", true);
/** How late k6 began an iteration, in ms. This is k6's own delay, not the system's. */
export const generatorLateness = new Trend("generator_lateness", true);
export const paymentsSent = new Counter("payments_sent");
/** No response, or a response that this kind of payment must not get. */
export const paymentsFailed = new Rate("payments_failed");
/** Temporarily rejected: 429, or 503 with Retry-After. */
export const paymentsRefused = new Rate("payments_refused");
/** Returned decisions that were made without the model. */
export const decisionsDegraded = new Rate("decisions_degraded");
/** Accepted payments without a decision at the end of their caller's wait. */
export const decisionsUndecided = new Rate("decisions_undecided");
/** Accepted payments that the API does not know later, or that are undecided after a long time. */
export const decisionsLost = new Counter("decisions_lost");
/** Payments that were sent twice and got two different decisions. */
export const retriesDiffering = new Counter("retries_differing");
export const badInputAccepted = new Counter("bad_input_accepted");
export const labelsFailed = new Rate("labels_failed");
