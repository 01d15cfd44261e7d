import { TriplineError } from "@tripline/contracts/error-table";

/** Wraps envelope keys. Both methods throw TriplineError `master-key-unavailable`. */
export interface MasterKey {
  /** Identifies the wrapping key next to the wrapped data. */
  readonly name: string;
  wrap(key: Uint8Array): Promise<Uint8Array>;
  /** Unwraps data from any version of the key. */
  unwrap(wrapped: Uint8Array): Promise<Buffer>;
}

/** Bound to every wrapped envelope key, so that other data encrypted with the same cloud key is not accepted. */
export const WRAP_CONTEXT = "tripline-personal-data";

/** Builds a master key from the functions for one kind of key; all failures become `master-key-unavailable`. */
export function masterKeyOf(name: string, { wrap, unwrap }: Omit<MasterKey, "name">): MasterKey {
  const orUnavailable = async <T>(answer: Promise<T>): Promise<T> => {
    try {
      return await answer;
    } catch (cause) {
      const detail = cause instanceof Error ? cause.message : String(cause);
      throw new TriplineError("master-key-unavailable", detail, [], { cause });
    }
  };
  return {
    name,
    wrap: (key) => orUnavailable(wrap(key)),
    unwrap: (wrapped) => orUnavailable(unwrap(wrapped)),
  };
}
