import { Counter, Rate, Trend } from "k6/metrics";

/** What limits are set on. All of them are tagged with the phase. */

/** From the request to the decision, as the caller sees it, ms. */
export const decisionLatency = new Trend("decision_latency", true);
/** How late k6 began an iteration, ms: its own delay, not the system's. */
export const generatorLateness = new Trend("generator_lateness", true);
export const paymentsSent = new Counter("payments_sent");
/** No answer, or one that a payment of this kind must not get. */
export const paymentsFailed = new Rate("payments_failed");
/** Told to come back later: 429, or 503 with Retry-After. */
export const paymentsRefused = new Rate("payments_refused");
/** Of the decisions that came back, those that no model made. */
export const decisionsDegraded = new Rate("decisions_degraded");
/** Of the accepted payments whose caller waited, those without a decision when the wait was over. */
export const decisionsUndecided = new Rate("decisions_undecided");
/** Accepted payments that the API knows no more, or has not decided long afterwards. */
export const decisionsLost = new Counter("decisions_lost");
/** Payments that were sent twice and got two different decisions. */
export const retriesDiffering = new Counter("retries_differing");
export const badInputAccepted = new Counter("bad_input_accepted");
export const labelsFailed = new Rate("labels_failed");
