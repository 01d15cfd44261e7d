import { Inject, Injectable } from "@nestjs/common";
import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { featureSources } from "@tripline/contracts/features/feature-sources";
import { deadLetterTopic, TABLES, TOPICS } from "@tripline/contracts/topics";
import type { KafkaAdmin } from "@tripline/kafka/port";
import { KAFKA_ADMIN } from "@tripline/nest-kit/kafka/kafka.tokens";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import { Readiness } from "@tripline/nest-kit/readiness";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import type { ConsoleConfig } from "../config.js";
import { CONSOLE_CONFIG } from "../config.js";
import type { ArchiveJobs, ConsumerLag, DeadLetters, HealthReport, ServiceHealth } from "../contract/operations.js";
import { rungOf } from "../decisions/decision-rows.js";
import { LEAVERS_GROUP } from "../leavers/leavers.controller.js";
import { PROJECTED_TOPICS, PROJECTION_GROUP } from "../projection/projection.controller.js";
import { unreadRecords } from "./unread-records.js";

const ANSWER_MS_MAX = 2_000;
/** Cached, because many users view it and each report queries all services. */
const KEPT_MS = 2_000;
const RUNGS_MS = 300_000;

/** The consumer groups on which payments, cases and erasures depend, with their topics. */
const groupsOf = (spec: FeatureSpec): readonly { readonly group: string; readonly topics: readonly string[] }[] => [
  { group: "features", topics: featureSources(spec).map((source) => TOPICS[source].name) },
  { group: "decisions", topics: [TOPICS.features.name] },
  { group: "archive", topics: [TOPICS.transactions.name, TOPICS.decisions.name, TOPICS.labels.name] },
  { group: PROJECTION_GROUP, topics: PROJECTED_TOPICS },
  ...["features-erasures", "console-erasures"].map((group) => ({ group, topics: [TABLES.erasures.name] })),
  { group: LEAVERS_GROUP, topics: [TABLES.authEvents.name] },
];

const ARCHIVE = "archive";

const failure = z.string().nullable();
const count = z.number();
const run = z.object({ ended_at: z.iso.datetime(), took_ms: count, rows: count, files: count });
const compactionRun = run.extend({ days: count, merged: count, days_left: count, failure });
const snapshotRun = z.object({ ended_at: z.iso.datetime(), took_ms: count, states: count, events: count, failure });
const snapshots = z.object({
  newest_at: z.iso.datetime().nullable(),
  interval_hours: count,
  run: snapshotRun.nullable(),
});
const publicationRun = z.object({ ended_at: z.iso.datetime(), took_ms: count, tables: count, files: count, failure });
const jobs = z.object({
  writing: z.array(z.object({ topic: z.string(), written: run.nullable(), failure })),
  // An archive of an older version returns other fields here.
  compaction: compactionRun.nullable().catch(null),
  snapshots: snapshots.nullable().default(null),
  publication: publicationRun.nullable().default(null),
});

const ready = z.object({ checks: z.record(z.string(), z.string()).default({}) });
const rungRow = z.object({ rung: z.number(), payments: z.coerce.number() });

/** Reports the state of the system's parts. */
@Injectable()
export class HealthReporter {
  readonly #kept = new Map<string, { readonly report: Promise<HealthReport>; readonly untilMs: number }>();

  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(KAFKA_ADMIN) private readonly admin: KafkaAdmin,
    @Inject(Readiness) private readonly readiness: Pick<Readiness, "report">,
    @Inject(CONSOLE_CONFIG) private readonly config: ConsoleConfig,
  ) {}

  report(tenant: string): Promise<HealthReport> {
    const kept = this.#kept.get(tenant);
    if (kept !== undefined && kept.untilMs > Date.now()) return kept.report;
    this.#kept.clear();
    const report = this.#gather(tenant);
    this.#kept.set(tenant, { report, untilMs: Date.now() + KEPT_MS });
    return report;
  }

  async #gather(tenant: string): Promise<HealthReport> {
    const watched = this.config.WATCHED_SERVICES;
    const [services, own, archive, { lag, deadLetters }, rungs] = await Promise.all([
      Promise.all(watched.map(({ name, url }) => fetchService(name, url))),
      this.readiness.report(),
      fetchJobs(watched.find(({ name }) => name === ARCHIVE)?.url),
      this.#topics(),
      this.#rungs(tenant),
    ]);
    return {
      atMs: Date.now(),
      services: [...services, healthOf("console", own.status === "ready", own.checks)],
      lag,
      deadLetters,
      rungs: rungs ?? {},
      archive,
    };
  }

  /** Lags from Kafka; empty while Kafka is unavailable or for topics that this service may not read. */
  async #topics(): Promise<Pick<HealthReport, "lag" | "deadLetters">> {
    const lag: ConsumerLag[] = [];
    const deadLetters: DeadLetters[] = [];
    if ((await this.#request(() => this.admin.clusterId())) === undefined) return { lag, deadLetters };
    // Queried one after the other, to put little load on the brokers.
    for (const { group, topics } of groupsOf(currentFeatureSpec())) {
      for (const topic of topics) lag.push(...((await this.#request(() => this.#lag(group, topic))) ?? []));
    }
    for (const { name } of Object.values(TOPICS)) {
      deadLetters.push(...((await this.#request(() => this.#deadLetters(deadLetterTopic(name)))) ?? []));
    }
    return { lag, deadLetters };
  }

  /** The response, in an array; undefined if Kafka does not respond. */
  async #request<T>(ask: () => Promise<T>): Promise<T[] | undefined> {
    try {
      return [await ask()];
    } catch {
      return undefined;
    }
  }

  async #lag(group: string, topic: string): Promise<ConsumerLag> {
    return { group, topic, records: await unreadRecords(this.admin, { group, topic }) };
  }

  async #deadLetters(topic: string): Promise<DeadLetters> {
    const [ends, starts] = await Promise.all([this.admin.endOffsets(topic), this.admin.startOffsets(topic)]);
    return { topic, records: sum([...ends].map(([partition, end]) => end - (starts.get(partition) ?? 0))) };
  }

  async #rungs(tenant: string): Promise<Record<string, number> | undefined> {
    try {
      const rows = await this.database.query(
        rungRow,
        `SELECT rung, count(*) AS payments FROM console.decisions WHERE tenant = $1 AND decided_at_ms > $2 GROUP BY rung`,
        [tenant, Date.now() - RUNGS_MS],
      );
      return Object.fromEntries(rows.map(({ rung, payments }) => [rungOf(rung), payments]));
    } catch {
      return undefined;
    }
  }
}

async function fetchService(name: string, url: string): Promise<ServiceHealth> {
  try {
    const response = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(ANSWER_MS_MAX) });
    return healthOf(name, response.ok, ready.parse(await response.json()).checks);
  } catch {
    return { name, isReady: false, detail: "The service is unavailable.", works: [] };
  }
}

function healthOf(name: string, isReady: boolean, checks: Readonly<Record<string, string>>): ServiceHealth {
  const works = Object.keys(checks).filter((check) => checks[check] === "ok");
  const faults = Object.entries(checks).filter(([, text]) => text !== "ok");
  const detail = faults.map(([check, text]) => `${check}: ${text}`).join("; ");
  return { name, isReady, detail: detail === "" ? null : detail, works };
}

/** Null without an archive, or if it is unavailable. */
async function fetchJobs(url: string | undefined): Promise<ArchiveJobs | null> {
  if (url === undefined) return null;
  try {
    const response = await fetch(`${url}/jobs`, { signal: AbortSignal.timeout(ANSWER_MS_MAX) });
    const { writing, compaction, snapshots: taken, publication } = jobs.parse(await response.json());
    return {
      writing: writing.map(({ topic, written, failure: why }) => ({
        topic,
        last: written === null ? null : runOf(written),
        failure: why,
      })),
      compaction: compaction === null ? null : compactionOf(compaction),
      snapshots: taken === null ? null : snapshotsOf(taken),
      publication: publication === null ? null : jobRunOf(publication),
    };
  } catch {
    return null;
  }
}

const compactionOf = ({ days, merged, days_left: daysLeft, failure: why, ...rest }: z.infer<typeof compactionRun>) => {
  return { days, merged, daysLeft, failure: why, ...runOf(rest) };
};

const snapshotsOf = ({ newest_at, interval_hours, run: last }: z.infer<typeof snapshots>) => ({
  newestAtMs: newest_at === null ? null : Date.parse(newest_at),
  intervalHours: interval_hours,
  last: last === null ? null : jobRunOf(last),
});

function jobRunOf<Run extends { ended_at: string; took_ms: number }>({ ended_at, took_ms, ...rest }: Run) {
  return { ...rest, atMs: Date.parse(ended_at), tookMs: took_ms };
}

const runOf = ({ ended_at, took_ms, rows, files }: z.infer<typeof run>) => {
  return { atMs: Date.parse(ended_at), tookMs: took_ms, rows, files };
};

const sum = (values: readonly number[]): number => values.reduce((left, right) => left + right, 0);
