import { TOPICS } from "@tripline/contracts/topics";
import { sendBomb } from "@tripline/kafka/testing/send-bomb";
import { failOver } from "./causes/fail-over.js";
import { halveModel, loseFolder } from "./causes/file-faults.js";
import { deleteTopic, killEachBroker, stormGroups } from "./causes/kafka-faults.js";
import { block, crash, kill, moveClock, pause, runOutOfMemory } from "./causes/service-faults.js";
import {
  fillDiskOfPostgres,
  fillValkey,
  flushValkey,
  lockPostgres,
  loseResponses,
  slowValkey,
  stopFor,
} from "./causes/store-faults.js";
import type { Cause, Fault } from "./fault.js";
import type { Answer } from "./steady-traffic.js";

const valkey = stopFor(({ stack }) => [stack.redis]);
const postgres = stopFor(({ stack }) => [stack.postgres]);
const twoBrokers = stopFor(({ stack }) => stack.brokers.slice(0, 2));
const bomb: Cause = ({ system }) => sendBomb(system.stack.kafkaBrokers, TOPICS.transactions.name);

/**
 * The faults that run on one machine without root: id, title, expected verdict and cause. Published with their verdicts in
 * docs/reliability.md. F24 is the last one, because the archive needs an operator after it.
 */
const ROWS: readonly (readonly [id: string, title: string, worst: Answer, cause: Cause])[] = [
  ["F1", "kill -9 in mid-batch: ingestion", "refused", crash("ingestion")],
  ["F2", "kill -9 in mid-batch: features", "pending", crash("features")],
  ["F3", "kill -9 in mid-batch: scoring", "pending", crash("scoring")],
  ["F4", "kill -9 in mid-batch: decisions", "pending", crash("decisions")],
  ["F5", "kill -9: auth", "refused", kill("auth")],
  ["F6", "kill -9: control", "model", kill("control")],
  ["F7", "kill -9: console", "model", kill("console")],
  ["F8", "kill -9 in mid-batch: archive", "model", crash("archive")],
  ["F9", "SIGSTOP for 20 s: features", "pending", pause("features")],
  ["F9b", "SIGSTOP for 20 s: decisions", "pending", pause("decisions")],
  ["F10", "out of memory: decisions", "pending", runOutOfMemory("decisions")],
  [
    "F11",
    "event loop blocked for 5 s: ingestion, features, decisions",
    "pending",
    block("ingestion", "features", "decisions"),
  ],
  [
    "F12",
    "clock 10 min ahead: every service",
    "refused",
    moveClock("auth", "ingestion", "features", "scoring", "decisions", "archive"),
  ],
  ["F12b", "clock 10 min ahead: decisions", "fallback", moveClock("decisions")],
  ["F13", "Valkey: kill -9 for 10 s", "refused", valkey],
  ["F14", "Valkey: FLUSHALL", "pending", flushValkey],
  ["F15", "Valkey: failover to a replica that is 1 s behind, and back", "refused", failOver],
  ["F16", "Valkey: full, with noeviction, for 10 s", "refused", fillValkey],
  ["F17", "Valkey: 100 ms per command for 20 s", "fallback", slowValkey],
  ["F18", "Postgres: kill -9 for 10 s", "model", postgres],
  ["F19", "Postgres: full disk for 10 s", "model", fillDiskOfPostgres],
  ["F20", "Postgres: read-only for 10 s", "model", lockPostgres],
  ["F21", "Kafka: each of three brokers killed for 10 s", "refused", killEachBroker],
  ["F23", "Kafka: two of three brokers killed for 10 s", "refused", twoBrokers],
  ["F25", "Kafka: a record that decompresses to 20 MB", "pending", bomb],
  ["F26", "Kafka: 10 rebalances in a row", "pending", stormGroups],
  ["F27", "network cut one way for 10 s: no responses from Valkey", "refused", loseResponses("valkey")],
  ["F27b", "network cut one way for 10 s: no responses from scoring", "fallback", loseResponses("scoring")],
  ["F28", "model registry unavailable while scoring restarts", "pending", loseFolder("registry", kill("scoring"))],
  ["F29", "half-written champion while scoring restarts", "pending", halveModel(kill("scoring"))],
  ["F30", "lake denies everything for 10 s", "model", loseFolder("lake")],
  ["F24", "Kafka: topic of payment updates deleted", "pending", deleteTopic],
];

export const FAULTS: readonly Fault[] = ROWS.map(([id, title, worst, cause]) => ({ id, title, worst, cause }));
