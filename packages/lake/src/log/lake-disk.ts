import { TriplineError } from "@tripline/contracts/error-table";

/**
 * The lake cannot be used at the moment.
 *
 * @param what what was tried, as the beginning of a sentence
 */
export function lakeUnavailable(what: string, cause: unknown): TriplineError {
  const [reason = ""] = String(Reflect.get(Object(cause), "message") ?? cause).split("\n");
  const detail =
    `${what}: ${reason}. Make room in the lake's folder, or fix its path or permissions; ` +
    "what is not in the lake yet stays in Kafka.";
  return new TriplineError("lake-unavailable", detail, [], { cause });
}

/** Files of a lake as files of this machine, until they are released. */
export interface HeldFiles {
  /** In the order in which they were asked for. */
  readonly paths: readonly string[];
  release(): Promise<void>;
}

/**
 * The few things that are done to a lake's files, each durable when it resolves. An interface, so that a lake can be a
 * folder or an object store, and so that a test can end the process at any of them.
 *
 * Every method throws TriplineError `lake-unavailable` when the file system or the store refuses.
 */
export interface LakeDisk {
  /**
   * Whether what was begun can have no effect any more once it has failed, or once another writer has done the same. A
   * store may carry out a request long after nobody waits for its answer any more.
   */
  readonly hasNoLateEffects: boolean;
  /** With all folders above it. */
  makeFolder(path: string): Promise<void>;
  /** Writes a file that is not there yet. */
  writeFile(path: string, text: string): Promise<void>;
  /**
   * Makes a file by writing it to a path of this machine.
   *
   * @throws TriplineError also what `write` throws; nothing is left behind then
   */
  produce(path: string, write: (local: string) => Promise<void>): Promise<void>;
  /** Makes a file or the names in a folder durable. */
  sync(path: string): Promise<void>;
  /** Makes sure, once, that `linkNew` keeps its promise here: some stores that speak S3 do not. */
  requireLinks(): Promise<void>;
  /** Gives the file at `from` a second name, in one step and only if that name is free; false if it is taken. */
  linkNew(from: string, to: string): Promise<boolean>;
  /** Over what may be at `to`; false if there is nothing at `from`. The folders are not synced. */
  move(from: string, to: string): Promise<boolean>;
  /** Does nothing if there is no such file. */
  remove(path: string): Promise<void>;
  /** Names in a folder, unsorted; empty if there is no such folder. */
  list(path: string): Promise<string[]>;
  /** The text of a file; undefined if there is none. */
  read(path: string): Promise<string | undefined>;
  exists(path: string): Promise<boolean>;
  /** Files to be read on this machine; undefined if one of them is gone. */
  hold(paths: readonly string[]): Promise<HeldFiles | undefined>;
}
