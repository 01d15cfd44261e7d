import type { ServerResponse } from "node:http";
import type { DecisionRow, LiveSecond, Outcome } from "#contract/decisions";
import { makeDecision, seeded } from "./made-up/payments.js";

const SECONDS_BEFORE = 90;
const DECISIONS_BEFORE = 20;
const SECOND_MS = 1_000;

/** Sends the last 90 s at once, so that a screen has data, and then continues in real time. */
export function streamLive(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  const random = seeded(7);
  const send = (event: string, data: unknown): void => {
    response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  };
  const startMs = Date.now();
  for (let second = SECONDS_BEFORE; second > 0; second -= 1)
    send("second", makeSecond(random, startMs - second * SECOND_MS));
  send("decisions", makeDecisions(random, DECISIONS_BEFORE));
  const timer = setInterval(() => {
    send("second", makeSecond(random, Date.now()));
    send("decisions", makeDecisions(random, 1 + Math.floor(random() * 3)));
  }, SECOND_MS);
  response.on("close", () => clearInterval(timer));
}

function makeSecond(random: () => number, atMs: number): LiveSecond {
  const decisions = 140 + Math.round(random() * 40);
  const [challenge, review, decline] = [random() * 6, random() * 5, random() * 3].map(Math.round) as [
    number,
    number,
    number,
  ];
  return {
    atMs,
    decisions,
    byOutcome: { approve: decisions - challenge - review - decline, challenge, review, decline },
    degraded: 0,
    latencyP50Ms: 9 + random() * 3,
    latencyP99Ms: 24 + random() * 14,
    lag: Math.round(random() * 30),
  };
}

function makeDecisions(random: () => number, count: number): DecisionRow[] {
  return Array.from({ length: count }, (_, index) => {
    const drawn = random();
    const outcome: Outcome = drawn < 0.8 ? "approve" : drawn < 0.9 ? "challenge" : drawn < 0.96 ? "review" : "decline";
    const caseId = outcome === "review" || outcome === "challenge" ? "20000" : null;
    return makeDecision(random, Date.now() - index * 150, outcome, { caseId });
  });
}
