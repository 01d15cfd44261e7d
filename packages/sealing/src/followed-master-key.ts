import { readFileSync } from "node:fs";
import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import type { KeyAccess } from "./master-key.js";
import { openMasterKey } from "./master-key.js";
import type { MasterKey } from "./master-keys/wrapping.js";

/** How often the file is checked, as for certificates. */
const LOOK_EVERY_MS = 5_000;

/** The settings of `masterKeyConfig`. */
export interface MasterKeySettings extends KeyAccess {
  readonly PERSONAL_MASTER_KEY?: string | undefined;
  readonly PERSONAL_MASTER_KEY_FILE?: string | undefined;
}

export interface FollowOptions {
  /** Called when the wrapping key has changed. */
  onChanged(): void;
  /** Called when the file's content is invalid; the previous key then stays in use. */
  onFault(sentence: string): void;
  readonly lookEveryMs?: number;
}

/** A service's master key, either from its setting or from the current content of its file. */
export class FollowedMasterKey implements MasterKey {
  readonly #text: string;
  #key: MasterKey;
  #timer: NodeJS.Timeout | undefined;

  /** @throws TriplineError `config-invalid` */
  constructor(private readonly settings: MasterKeySettings) {
    this.#text = this.#read();
    this.#key = openMasterKey(this.#text, settings);
  }

  /** Whether a master key is set. @throws TriplineError `config-invalid` if both variables are set */
  static isSet({ PERSONAL_MASTER_KEY: text, PERSONAL_MASTER_KEY_FILE: file }: MasterKeySettings): boolean {
    if (text === undefined || file === undefined) return (text ?? file) !== undefined;
    const detail = "PERSONAL_MASTER_KEY and PERSONAL_MASTER_KEY_FILE are both set, so unset one of them.";
    throw new TriplineError("config-invalid", detail);
  }

  get name(): string {
    return this.#key.name;
  }

  wrap(key: Uint8Array): Promise<Uint8Array> {
    return this.#key.wrap(key);
  }

  unwrap(wrapped: Uint8Array): Promise<Buffer> {
    return this.#key.unwrap(wrapped);
  }

  /**
   * Follows the file until `close`. The file is polled rather than watched, because in a pod it is a symbolic link that
   * gets replaced.
   */
  follow({ onChanged, onFault, lookEveryMs = LOOK_EVERY_MS }: FollowOptions): void {
    if (this.settings.PERSONAL_MASTER_KEY_FILE === undefined) return;
    let seen = this.#text;
    const look = (): void => {
      let text = "";
      try {
        text = this.#read();
        if (text === seen) return;
        this.#key = openMasterKey(text, this.settings);
        onChanged();
      } catch (error) {
        // Reported once, not at each check.
        if (text !== seen) onFault(asTriplineError(error).message);
      }
      seen = text;
    };
    this.#timer = setInterval(look, lookEveryMs).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #read(): string {
    const { PERSONAL_MASTER_KEY: text = "", PERSONAL_MASTER_KEY_FILE: file } = this.settings;
    if (file === undefined) return text;
    try {
      return readFileSync(file, "utf8").trim();
    } catch (cause) {
      const detail = `The file ${file} in PERSONAL_MASTER_KEY_FILE cannot be read.`;
      throw new TriplineError("config-invalid", detail, [], { cause });
    }
  }
}
