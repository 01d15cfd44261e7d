import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import type { Receivers } from "./receive-messages.js";
import type { Monitoring } from "./start-monitoring.js";

export interface AlertOptions {
  readonly prometheusUrl: Monitoring["prometheusUrl"];
  readonly receivers: Pick<Receivers, "mails" | "alerts">;
  /** Number of services that Prometheus scrapes. */
  readonly services: number;
  readonly scoringPid: number;
  /** Prints each completed step. */
  print(text: string): void;
}

const ALERT = "ServiceDown";
const RUNBOOK = "docs/operations.md#servicedown";
const POLL_MS = 500;
const ANSWER_MS_MAX = 5_000;
/** Enough for two scrapes with their timeouts on a busy machine. */
const SCRAPED_MS_MAX = 120_000;
/**
 * The scrape, `for: 1m`, the evaluation and the group wait take about 100 s in total. The resolved message waits for
 * the group interval, which is 60 s.
 */
const MESSAGE_MS_MAX = 300_000;

/**
 * Scoring stops responding, but its process and port remain. The on-call engineer gets the alert with its runbook by
 * e-mail and by webhook. When scoring resumes, both report that the alert is resolved.
 *
 * @throws Error in one sentence that names the failed step
 */
export async function alertJourney(options: AlertOptions): Promise<void> {
  const { receivers, services, scoringPid, print } = options;
  await until(SCRAPED_MS_MAX, "Prometheus does not reach every service", async () => {
    return (await reached(options.prometheusUrl)) === services;
  });
  print(`Prometheus scrapes ${services} services and evaluates the alerts that are deployed.`);

  process.kill(scoringPid, "SIGSTOP");
  const stoppedMs = performance.now();
  try {
    await arrival(receivers, "firing");
    print(
      `Scoring stopped responding. After ${secondsSince(stoppedMs)} s, ${ALERT} arrived by e-mail and webhook, with its runbook.`,
    );
  } finally {
    process.kill(scoringPid, "SIGCONT");
  }
  const resumedMs = performance.now();
  await arrival(receivers, "resolved");
  print(`Scoring resumed. After ${secondsSince(resumedMs)} s, the resolution arrived by e-mail and webhook.`);
}

async function arrival({ mails, alerts }: AlertOptions["receivers"], status: "firing" | "resolved"): Promise<void> {
  await until(MESSAGE_MS_MAX, `The webhook receiver did not get ${ALERT} as ${status}`, async () =>
    alerts.some(
      ({ labels, annotations, status: one }) =>
        one === status &&
        labels.alertname === ALERT &&
        labels.job === "tripline-scoring" &&
        annotations.runbook_url === RUNBOOK,
    ),
  );
  await until(MESSAGE_MS_MAX, `The e-mail that ${ALERT} is ${status} did not arrive`, async () =>
    mails.some(
      (mail) =>
        new RegExp(`^Subject: .*\\[${status}`, "im").test(mail) &&
        [ALERT, "tripline-scoring", RUNBOOK].every((part) => mail.includes(part)),
    ),
  );
}

const upSeries = z.object({ data: z.object({ result: z.array(z.unknown()) }) });

/** The number of services whose last scrape succeeded. */
async function reached(prometheusUrl: string): Promise<number> {
  const query = new URLSearchParams({ query: "up == 1" });
  const response = await fetch(`${prometheusUrl}/api/v1/query?${query}`, {
    signal: AbortSignal.timeout(ANSWER_MS_MAX),
  });
  return upSeries.parse(await response.json()).data.result.length;
}

async function until(maxMs: number, fault: string, isTrue: () => Promise<boolean>): Promise<void> {
  const startedMs = performance.now();
  while (!(await isTrue())) {
    if (performance.now() - startedMs > maxMs) throw new Error(`${fault} within ${maxMs / 1_000} s.`);
    await delay(POLL_MS);
  }
}

const secondsSince = (ms: number): number => Math.round((performance.now() - ms) / 1_000);
