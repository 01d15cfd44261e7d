import { Counter, Rate, Trend } from "k6/metrics";

/** The metrics that have limits. All of them are tagged with the phase. */

/** From the request to the decision, as the caller sees it, ms. */
export const decisionLatency = new Trend("decision_latency", true);
/** How late k6 began an iteration, ms: its own delay, not the system's. */
export const generatorLateness = new Trend("generator_lateness", true);
export const paymentsSent = new Counter("payments_sent");
/** No answer, or an answer that this kind of payment must not get. */
export const paymentsFailed = new Rate("payments_failed");
/** Rejected for now: 429, or 503 with Retry-After. */
export const paymentsRefused = new Rate("payments_refused");
/** Decisions that came back and were made without the model. */
export const decisionsDegraded = new Rate("decisions_degraded");
/** Accepted payments that had no decision when their caller's wait ended. */
export const decisionsUndecided = new Rate("decisions_undecided");
/** Accepted payments that the API no longer knows, or has not decided long afterwards. */
export const decisionsLost = new Counter("decisions_lost");
/** Payments that were sent twice and got two different decisions. */
export const retriesDiffering = new Counter("retries_differing");
export const badInputAccepted = new Counter("bad_input_accepted");
export const labelsFailed = new Rate("labels_failed");
