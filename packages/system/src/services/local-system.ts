import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { writeWhole } from "@tripline/local-stack/write-whole";
import { z } from "zod";
import type { Workspace } from "./workspace.js";
import { STATE_DIRECTORY, workspaceIn } from "./workspace.js";

const localSystem = z.strictObject({
  /** Where its services are that commands ask, without a path. */
  addresses: z.strictObject({ ingestion: z.url(), auth: z.url(), control: z.url() }),
  kafkaBrokers: z.array(z.string()).min(1),
  redisUrl: z.string(),
  /** The database of its services; absent where it speaks TLS, and each service has a role of its own. */
  postgresUrl: z.string().optional(),
  /** Where its archive writes; absent where it runs none. */
  lakeDirectory: z.string().optional(),
  /** The snapshot of window states with which it began. */
  statePath: z.string().optional(),
  /** The tables of the profiles with which it began, and the time as of which they were loaded. */
  profiles: z.strictObject({ folder: z.string(), untilMs: z.number() }).optional(),
  /** Files of the operator, where it speaks TLS. The user of Redis is in its address. */
  tls: z.strictObject({ authorityFile: z.string(), certificateFile: z.string(), keyFile: z.string() }).optional(),
});

/** What a command needs to know of a system on this machine; the system writes it while it runs. */
export type LocalSystem = z.infer<typeof localSystem>;

export const DEMO_WORKSPACE = "demo";

/** Removes the file when the system stops; after `kill -9` it stays, and its addresses do not answer. */
export function announceSystem(workspace: Workspace, system: LocalSystem): () => void {
  const file = fileIn(workspace);
  writeWhole(file, JSON.stringify(system, null, 2), 0o600);
  return () => rmSync(file, { force: true });
}

/**
 * @param name of its folder below .tripline
 * @throws Error in one sentence if no system of that name runs
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

/** What a command is told to sign in there as the operator; nothing where nobody is asked who he is. */
export function operatorVariables({ tls }: LocalSystem): Readonly<Record<string, string>> {
  if (tls === undefined) return {};
  const { authorityFile, certificateFile, keyFile } = tls;
  return {
    KAFKA_TLS: "true",
    KAFKA_CA_FILE: authorityFile,
    KAFKA_CERT_FILE: certificateFile,
    KAFKA_KEY_FILE: keyFile,
    REDIS_CA_FILE: authorityFile,
  };
}

/** For connections of this process that are told of no authority. */
export function trustAuthorityOf({ tls }: LocalSystem): void {
  if (tls === undefined) return;
  setDefaultCACertificates([...getCACertificates("default"), readFileSync(tls.authorityFile, "utf8")]);
}

/** The same where the system here is known by an address of one of its services. Other addresses change nothing. */
export function trustAuthorityAt(url: string): void {
  const origin = URL.parse(url)?.origin;
  const system = findLocalSystem(({ addresses }) => Object.values(addresses).some((address) => address === origin));
  if (system !== undefined) trustAuthorityOf(system);
}

/** A system of this machine, if there is one. */
export function findLocalSystem(isWanted: (system: LocalSystem) => boolean): LocalSystem | undefined {
  for (const name of namesIn(STATE_DIRECTORY)) {
    try {
      const system = readLocalSystem(name);
      if (isWanted(system)) return system;
    } catch {
      // No system runs there, or one of another version.
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
