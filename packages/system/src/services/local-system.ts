import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { writeWhole } from "@tripline/local-stack/write-whole";
import { z } from "zod";
import type { Workspace } from "./workspace.js";
import { STATE_DIRECTORY, workspaceIn } from "./workspace.js";

const localSystem = z.strictObject({
  /** Base URLs of the services that commands call. */
  addresses: z.strictObject({ ingestion: z.url(), auth: z.url(), control: z.url(), console: z.url() }),
  kafkaBrokers: z.array(z.string()).min(1),
  redisUrl: z.string(),
  /** The services' database; absent with TLS, because each service then has its own role. */
  postgresUrl: z.string().optional(),
  /** The archive's lake; absent if there is no archive. */
  lakeDirectory: z.string().optional(),
  /** The snapshot of window state with which it started. */
  statePath: z.string().optional(),
  /** The profile tables with which it started, and the time for which they were loaded. */
  profiles: z.strictObject({ folder: z.string(), untilMs: z.number() }).optional(),
  /** The operator's files, if it uses TLS. The Redis user is part of its address. */
  tls: z.strictObject({ authorityFile: z.string(), certificateFile: z.string(), keyFile: z.string() }).optional(),
});

/** Information that a command needs about a local system; the system writes it while it runs. */
export type LocalSystem = z.infer<typeof localSystem>;

export const DEMO_WORKSPACE = "demo";

/** Removes the file when the system stops. After `kill -9`, the file remains, but nothing answers at its addresses. */
export function announceSystem(workspace: Workspace, system: LocalSystem): () => void {
  const file = fileIn(workspace);
  writeWhole(file, JSON.stringify(system, null, 2), 0o600);
  return () => rmSync(file, { force: true });
}

/**
 * @param name of its folder below .tripline
 * @throws Error in one sentence if no system with that name is running
 */
export function readLocalSystem(name: string): LocalSystem {
  const file = fileIn(workspaceIn(join(STATE_DIRECTORY, name)));
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    throw new Error(
      `No system is running on this machine: ${file} does not exist. Start the demo, or specify the addresses.`,
    );
  }
  return localSystem.parse(JSON.parse(text));
}

/** Variables for a command to authenticate as the operator; empty if there is no authentication. */
export function operatorVariables({ tls }: LocalSystem): Readonly<Record<string, string>> {
  return tls === undefined ? {} : tlsVariables(tls);
}

/** Variables for a program to authenticate with these files to Kafka and Redis. */
export function tlsVariables({
  authorityFile,
  certificateFile,
  keyFile,
}: NonNullable<LocalSystem["tls"]>): Readonly<Record<string, string>> {
  return {
    KAFKA_TLS: "true",
    KAFKA_CA_FILE: authorityFile,
    KAFKA_CERT_FILE: certificateFile,
    KAFKA_KEY_FILE: keyFile,
    REDIS_CA_FILE: authorityFile,
  };
}

/** Makes this process trust the system's certificate authority on connections that do not set one. */
export function trustAuthorityOf({ tls }: LocalSystem): void {
  if (tls === undefined) return;
  setDefaultCACertificates([...getCACertificates("default"), readFileSync(tls.authorityFile, "utf8")]);
}

/** Calls `trustAuthorityOf` for the local system at this address. For other addresses, nothing changes. */
export function trustAuthorityAt(url: string): void {
  const origin = URL.parse(url)?.origin;
  const system = findLocalSystem(({ addresses }) => Object.values(addresses).some((address) => address === origin));
  if (system !== undefined) trustAuthorityOf(system);
}

/** The first local system that matches; undefined if there is none. */
export function findLocalSystem(isWanted: (system: LocalSystem) => boolean): LocalSystem | undefined {
  for (const name of namesIn(STATE_DIRECTORY)) {
    try {
      const system = readLocalSystem(name);
      if (isWanted(system)) return system;
    } catch {
      // Either no system is running in that folder, or it has another version.
    }
  }
  return undefined;
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

const fileIn = (workspace: Workspace): string => join(workspace.directory, "system.json");
