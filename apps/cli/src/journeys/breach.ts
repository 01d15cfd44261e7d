import { certificateAttempts, clientAttempts } from "@tripline/system/breach/api-attempts";
import type { AttemptOutcome } from "@tripline/system/breach/attempt";
import { tryAll } from "@tripline/system/breach/attempt";
import { kafkaAttempts } from "@tripline/system/breach/kafka-attempts";
import { postgresAttempts } from "@tripline/system/breach/postgres-attempts";
import { redisAttempts } from "@tripline/system/breach/redis-attempts";
import { tlsAttempts } from "@tripline/system/breach/tls-attempts";
import type { SecureSystem } from "./support/secure-system.js";

export interface BreachOptions {
  readonly secure: SecureSystem | undefined;
  /** Prints each completed step. */
  print(text: string): void;
}

/** Minimum number of attempts. */
const ATTEMPTS_MIN = 60;

/**
 * Each service's credentials are used for forbidden operations on Kafka, Redis, Postgres and the APIs, and clients without
 * credentials try to connect. All attempts are rejected.
 *
 * @throws Error that names the successful attempts
 */
export async function breachJourney({ secure, print }: BreachOptions): Promise<void> {
  if (secure === undefined) throw new Error("This journey requires a system with TLS.");
  const { security, stack, addresses, scoringAddress, scoringUrl, trainingSecret, consoleSecret } = secure;
  const rounds = [
    ["An attacker in the network, without credentials", tlsAttempts(security, stack)],
    ["Each service on Kafka, with its certificate", kafkaAttempts(security, stack.kafkaBrokers)],
    ["Each service with its Redis user", redisAttempts(security, stack)],
    ["Each service with its Postgres role", postgresAttempts(security, stack)],
    [
      "Each service on the APIs, with its certificate",
      certificateAttempts({ security, addresses, scoringAddress, scoringUrl, scoringClients: ["decisions"] }),
    ],
    ["Services' clients with their tokens", clientAttempts({ addresses, trainingSecret, consoleSecret })],
  ] as const;
  const outcomes: AttemptOutcome[] = [];
  for (const [title, attempts] of rounds) {
    const tried = await tryAll(attempts);
    outcomes.push(...tried);
    print(`${title}: ${tried.length} attempts\n${tableOf(tried)}`);
  }
  const passed = outcomes.filter(({ refusedBy }) => refusedBy === undefined);
  if (passed.length > 0) {
    throw new Error(
      `These attempts should have been rejected: ${passed.map(({ who, what }) => `${who}: ${what}`).join("; ")}.`,
    );
  }
  if (outcomes.length < ATTEMPTS_MIN) throw new Error(`Only ${outcomes.length} attempts were made.`);
  print(`All ${outcomes.length} attempts were rejected.`);
}

const REFUSAL_LENGTH_MAX = 60;

function tableOf(outcomes: readonly AttemptOutcome[]): string {
  const rows = outcomes.map(({ who, what, refusedBy }) => {
    const refusal = refusedBy?.replaceAll(/\s+/g, " ").slice(0, REFUSAL_LENGTH_MAX) ?? "NOT REJECTED";
    return [who, what, refusal] as const;
  });
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map(([who, what, refusal]) => `${who.padEnd(widths[0] ?? 0)}  ${what.padEnd(widths[1] ?? 0)}  ${refusal}`)
    .join("\n");
}
