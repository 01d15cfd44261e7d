import { createHash } from "node:crypto";
import { TriplineError } from "@tripline/contracts/error-table";
import { openBytes, sealBytes } from "../seal-bytes.js";
import type { MasterKey } from "./wrapping.js";
import { WRAP_CONTEXT } from "./wrapping.js";

/** A key from a file or a secret. */
export function localMasterKey(key: Uint8Array): MasterKey {
  return {
    name: `local:${createHash("sha256").update(key).digest("hex").slice(0, 8)}`,
    wrap: async (wrapped) => sealBytes(wrapped, key, WRAP_CONTEXT),
    async unwrap(wrapped) {
      const opened = openBytes(wrapped, key, WRAP_CONTEXT);
      if (opened !== undefined) return opened;
      throw new TriplineError("master-key-unavailable", "No master key of this service can unwrap the envelope key.");
    },
  };
}
