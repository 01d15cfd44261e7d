import { setTimeout as delay } from "node:timers/promises";
import type { Kafka } from "@tripline/kafka/port";
import type { KnownPayment } from "@tripline/system/client/payment";
import { TriplineClient } from "@tripline/system/client/tripline-client";
import type { RunningSystem, SystemOptions } from "@tripline/system/services/run-system";
import type { ServiceProcess } from "@tripline/system/services/supervise-services";
import { BusyTraffic } from "../faults/busy-traffic.js";
import { checkUpgraded } from "./check-upgraded.js";
import { leaveTraces } from "./leave-traces.js";
import type { OtherBuild } from "./load-build.js";
import type { NextService } from "./next-services.js";
import { planNext } from "./next-services.js";

export interface UpgradeOptions {
  /** The system that the other build started. */
  readonly old: RunningSystem;
  readonly before: OtherBuild;
  readonly options: SystemOptions;
  readonly kafka: Kafka;
  readonly payments: Iterator<KnownPayment>;
  print(line: string): void;
}

const BURSTS_BEFORE = 5;
/** Pause between bursts. An upgrade takes minutes, and afterwards all its payments are sent again and recomputed. */
const PAUSE_MS = 2_000;

/**
 * Replaces another build's services with those of this build, under traffic. First, each service gets an additional new
 * instance, which shares its work. Then the old instances are replaced one by one. Finally, the additional instances
 * end.
 *
 * @throws Error with one sentence about the check that failed afterwards
 */
export async function upgrade({ old, before, options, kafka, payments, print }: UpgradeOptions): Promise<void> {
  const callerOf = (url: string) => new BusyTraffic(new TriplineClient(url, old), payments);
  const traffic = [callerOf(old.apiUrl)];
  for (let burst = 0; burst < BURSTS_BEFORE; burst += 1) await under(traffic, async () => {});
  const traces = await leaveTraces(old, before.policyFile);
  // Every deployment does this before it starts services. Existing topics are kept.
  const admin = await kafka.admin();
  await admin.ensureTopics();
  await admin.close();
  const next = await planNext(options, old);
  try {
    await replaceAll(old, next, traffic, {
      callerOf,
      print: (line) => print(`${line}: ${traffic.reduce((total, { sent }) => total + sent.length, 0)} payments`),
    });
    await checkUpgraded({ old, traces, kafka, lake: options.workspace.lake, traffic, print });
  } finally {
    await Promise.all(next.flatMap(({ beside, instead }) => [beside.stop(), instead.stop()]));
  }
}

async function replaceAll(
  old: RunningSystem,
  next: readonly NextService[],
  traffic: BusyTraffic[],
  { callerOf, print }: { callerOf(url: string): BusyTraffic; print(line: string): void },
): Promise<void> {
  await under(traffic, async () => {
    await Promise.all(next.map(({ beside }) => begin(beside)));
  });
  const ingestion = next.find(({ name }) => name === "ingestion");
  if (ingestion !== undefined) traffic.push(callerOf(ingestion.beside.plan.url));
  await under(traffic, async () => {});
  print("old and new side by side");
  for (const { name, instead } of next) {
    await under(traffic, async () => {
      await old.services.get(name)?.stop();
      await begin(instead);
    });
    print(`new ${name} in place of the old one`);
  }
  const [first] = traffic;
  await under(first === undefined ? [] : [first], async () => {
    await Promise.all(next.map(({ beside }) => beside.stop()));
  });
  print("new services alone");
}

async function begin(service: ServiceProcess): Promise<void> {
  service.start();
  await service.ready();
}

/** Sends payments and labels until the work is done, and at least one burst. */
async function under(traffic: readonly BusyTraffic[], work: () => Promise<void>): Promise<void> {
  let isOver = false;
  const flow = async () => {
    do {
      for (const one of traffic) one.burst();
      await Promise.all(traffic.map((one) => one.settle()));
      if (!isOver) await delay(PAUSE_MS);
    } while (!isOver);
  };
  const finish = async () => {
    try {
      await work();
    } finally {
      isOver = true;
    }
  };
  await Promise.all([flow(), finish()]);
}
