import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";

export interface FileWatchOptions<T> {
  readonly file: string;
  /** What the file is, as in "The policy file cannot be read". */
  readonly what: string;
  /** How often the file is looked at, in milliseconds; a change is used at the second look. */
  readonly pollMs?: number;
  /** Reads the file's text; the file system unless told otherwise. */
  readonly read?: (file: string) => Promise<string>;
  /** @throws TriplineError for a faulty text */
  parse(text: string, fileName: string): T;
  onReload(value: T): void;
  /** Told once per content of the file that is refused; the value before it stays in force. */
  onRefused(error: TriplineError): void;
}

/** What a file holds, kept up with it. */
export interface FileWatch<T> {
  readonly current: T;
  close(): void;
}

const POLL_MS_DEFAULT = 500;

/**
 * Reads a file and goes on looking at it. It is polled, since file events do not tell of a replaced file or of a mounted
 * one that is swapped by a link. A change must look the same twice, so that a file caught half written, which may well
 * be valid, is never used.
 *
 * @throws TriplineError that of `parse` for a faulty file, `config-invalid` for one that cannot be read
 */
export async function watchFile<T>(options: FileWatchOptions<T>): Promise<FileWatch<T>> {
  const name = basename(options.file);
  const read = options.read ?? ((file) => readText(file, options.what));
  let usedText = await read(options.file);
  let seenText = usedText;
  let current = options.parse(usedText, name);
  let refusal: string | undefined;
  let looking = false;

  async function look(): Promise<void> {
    const text = await read(options.file);
    const settled = text === seenText;
    seenText = text;
    if (!settled || text === usedText) return;
    usedText = text;
    current = options.parse(text, name);
    refusal = undefined;
    options.onReload(current);
  }

  async function lookAndTell(): Promise<void> {
    if (looking) return;
    looking = true;
    try {
      await look();
    } catch (thrown) {
      const error = asTriplineError(thrown);
      if (error.message !== refusal) options.onRefused(error);
      refusal = error.message;
    } finally {
      looking = false;
    }
  }

  const timer = setInterval(() => void lookAndTell(), options.pollMs ?? POLL_MS_DEFAULT);
  timer.unref();

  return {
    get current() {
      return current;
    },
    close: () => clearInterval(timer),
  };
}

async function readText(file: string, what: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new TriplineError("config-invalid", `The ${what} file cannot be read: ${why}`, [], { cause: error });
  }
}
