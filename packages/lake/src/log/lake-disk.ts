import { readlinkSync } from "node:fs";
import { TriplineError } from "@tripline/contracts/error-table";

const ADVICE =
  "Free disk space in the lake's folder, or fix its path or permissions; records that are not in the lake yet stay in Kafka.";

/**
 * The error for a lake that is currently unavailable.
 *
 * @param what the attempted operation, as the beginning of a sentence
 * @param advice a sentence for the operator
 */
export function lakeUnavailable(what: string, cause: unknown, advice = ADVICE): TriplineError {
  const [reason = ""] = String(Reflect.get(Object(cause), "message") ?? cause).split("\n");
  return new TriplineError("lake-unavailable", `${what}: ${nameOpenFiles(reason)}. ${advice}`, [], { cause });
}

/** Replaces the paths of open files, which `FolderDisk.hold` returns, with the paths of these files in the lake. */
function nameOpenFiles(text: string): string {
  return text.replaceAll(/\/proc\/self\/fd\/\d+/g, (path) => {
    try {
      return readlinkSync(path);
    } catch {
      return path;
    }
  });
}

/** Lake files that can be read until they are released. */
export interface HeldFiles {
  /** In the requested order. */
  readonly paths: readonly string[];
  release(): Promise<void>;
}

/**
 * The few operations on a lake's files, each durable when its promise resolves. This is an interface so that a lake can
 * be a folder or an object store, and so that a test can end the process at any operation.
 *
 * Every method throws TriplineError `lake-unavailable` if the file system or the store fails.
 */
export interface LakeDisk {
  /**
   * Whether an operation can no longer take effect after it has failed, or after another writer has done the same. An
   * object store may execute a request long after the client has stopped waiting for the response.
   */
  readonly hasNoLateEffects: boolean;
  /** Also creates all parent folders. */
  makeFolder(path: string): Promise<void>;
  /** Writes a new file. */
  writeFile(path: string, text: string): Promise<void>;
  /**
   * Creates a file by writing it to a local path.
   *
   * @throws TriplineError, or any error of `write`; nothing is left behind in either case
   */
  produce(path: string, write: (local: string) => Promise<void>): Promise<void>;
  /** Makes a file or the names in a folder durable. */
  sync(path: string): Promise<void>;
  /** Checks, only once, that `linkNew` is atomic on this store; some S3-compatible stores do not guarantee it. */
  requireLinks(): Promise<void>;
  /** Creates a second name for the file at `from`, atomically and only if that name is free; false if it is taken. */
  linkNew(from: string, to: string): Promise<boolean>;
  /**
   * Moves the file at `from` to `to` and replaces any file there; false if there is no file at `from`. The folders are
   * not synced.
   */
  move(from: string, to: string): Promise<boolean>;
  /** Does nothing if the file does not exist. */
  remove(path: string): Promise<void>;
  /**
   * Names in a folder, in any order; empty if the folder does not exist.
   *
   * @param prefix returns only names that begin with it. Default: all
   */
  list(path: string, prefix?: string): Promise<string[]>;
  /**
   * Names in the subfolders whose name begins with `prefix`, by subfolder. In an object store, one request returns
   * 1,000 names, however many subfolders there are.
   */
  listSubfolders(path: string, prefix: string): Promise<ReadonlyMap<string, string[]>>;
  /** Sizes in bytes of the files in a folder, by name; empty if the folder does not exist. */
  sizes(path: string): Promise<ReadonlyMap<string, number>>;
  /** The text of a file; undefined if there is none. */
  read(path: string): Promise<string | undefined>;
  exists(path: string): Promise<boolean>;
  /** Files that stay readable even if they are removed in the meantime; undefined if any of them no longer exists. */
  hold(paths: readonly string[]): Promise<HeldFiles | undefined>;
}
