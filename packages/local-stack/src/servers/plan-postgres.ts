import { createHash, randomBytes } from "node:crypto";
import { chownSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import pg from "pg";
import type { ProcessPlan } from "../processes/managed-process.js";
import { runCommand } from "../processes/run-command.js";
import type { StackSecurity } from "../security/stack-security.js";
import type { SystemUser } from "./locate-postgres.js";
import { postgresDataFolder, postgresPrograms, postgresUser } from "./locate-postgres.js";
import { releaseDataFolder } from "./release-data-folder.js";

const READY_MS_MAX = 30_000;
const STOP_MS_MAX = 10_000;
const INIT_MS_MAX = 60_000;
const ANSWER_MS_MAX = 1_000;

export interface PostgresOptions {
  /**
   * The stack's directory. It contains the data, unless Postgres' user cannot access it, in which case the data is in
   * the temporary folder.
   */
  readonly directory: string;
  readonly port: number;
  /** Off only in tests, where a power failure may lose data. */
  readonly isDurable: boolean;
  /** Additional server settings for tests. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly security?: StackSecurity | undefined;
}

/** URL of the Postgres server of the stack in `directory`. The password is created together with the directory. */
export function postgresUrl(directory: string, port: number): string {
  return `postgres://tripline:${passwordOf(directory)}@127.0.0.1:${port}/postgres`;
}

/** Initialises a new cluster, and returns how to run Postgres. */
export async function planPostgres({
  directory,
  port,
  isDurable,
  settings = {},
  security,
}: PostgresOptions): Promise<ProcessPlan> {
  const user = postgresUser();
  const programs = postgresPrograms(user);
  const dataFolder = postgresDataFolder(directory, user);
  await initOnce({ programs, dataFolder, directory, user });
  const url = postgresUrl(directory, port);
  const flags = {
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    max_connections: 200,
    shared_buffers: "64MB",
    ...(isDurable ? {} : { fsync: "off", full_page_writes: "off" }),
    ...(security === undefined ? {} : secureSettings(security, dataFolder, user)),
    ...settings,
  };
  return {
    name: "postgres",
    title: "Postgres",
    directory,
    command: `${programs}/postgres`,
    args: [
      "-D",
      dataFolder,
      "-p",
      String(port),
      ...Object.entries(flags).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
    ],
    cwd: dataFolder,
    port,
    ...(user === undefined ? {} : { user }),
    // SIGINT is Postgres' fast shutdown; SIGTERM would wait for every client to disconnect.
    stopSignal: "SIGINT",
    stopMs: STOP_MS_MAX,
    readyMs: READY_MS_MAX,
    prepare: () => releaseDataFolder(dataFolder),
    isReady: () => answersSelect(url, security),
  };
}

interface Cluster {
  readonly programs: string;
  readonly dataFolder: string;
  readonly directory: string;
  readonly user: SystemUser | undefined;
}

async function initOnce({ programs, dataFolder, directory, user }: Cluster): Promise<void> {
  const password = passwordOf(directory);
  // Data outside the directory may belong to an earlier directory with the same name, which had another password.
  const marker = `${dataFolder}.initialised`;
  const wanted = createHash("sha256").update(password).digest("hex");
  if (existsSync(marker) && readFileSync(marker, "utf8") === wanted) return;
  rmSync(marker, { force: true });
  rmSync(dataFolder, { recursive: true, force: true });
  mkdirSync(dataFolder, { recursive: true, mode: 0o700 });
  const passwordFile = `${dataFolder}.unread-password`;
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  if (user !== undefined) for (const path of [dataFolder, passwordFile]) chownSync(path, user.uid, user.gid);
  await runCommand({
    command: `${programs}/initdb`,
    args: [
      `--pgdata=${dataFolder}`,
      "--username=tripline",
      "--auth=scram-sha-256",
      `--pwfile=${passwordFile}`,
      "--encoding=UTF8",
      "--locale=C",
      "--no-sync",
      "--no-instructions",
    ],
    purpose: "create the Postgres data folder",
    logFile: `${directory}/logs/postgres-init.log`,
    timeoutMs: INIT_MS_MAX,
    cwd: dataFolder,
    ...(user === undefined ? {} : { user }),
  });
  rmSync(passwordFile);
  writeFileSync(marker, wanted);
}

function passwordOf(directory: string): string {
  const file = `${directory}/postgres-password`;
  if (!existsSync(file)) writeFileSync(file, randomBytes(16).toString("hex"), { mode: 0o600 });
  return readFileSync(file, "utf8");
}

/** TLS 1.3 with the server's certificate; password authentication is available only over TLS. */
function secureSettings(security: StackSecurity, dataFolder: string, user: SystemUser | undefined) {
  const { certificateFile, keyFile } = security.identities.postgres;
  const ours = (name: string, text: string): string => {
    // Next to the data, readable only by Postgres' user.
    const path = `${dataFolder}/${name}`;
    writeFileSync(path, text, { mode: 0o600 });
    if (user !== undefined) chownSync(path, user.uid, user.gid);
    return path;
  };
  return {
    ssl: "on",
    ssl_min_protocol_version: "TLSv1.3",
    ssl_cert_file: ours("tls.crt", readFileSync(certificateFile, "utf8")),
    ssl_key_file: ours("tls.key", readFileSync(keyFile, "utf8")),
    hba_file: ours("hba-tls.conf", "hostssl all all 127.0.0.1/32 scram-sha-256\n"),
  };
}

async function answersSelect(url: string, security: StackSecurity | undefined): Promise<boolean> {
  const client = new pg.Client({
    connectionString: url,
    ...(security === undefined ? {} : { ssl: { ca: readFileSync(security.authorityFile, "utf8") } }),
    connectionTimeoutMillis: ANSWER_MS_MAX,
    query_timeout: ANSWER_MS_MAX,
  });
  client.on("error", () => {});
  try {
    await client.connect();
    await client.query("SELECT 1");
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}
