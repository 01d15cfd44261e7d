import { TriplineError } from "@tripline/contracts/error-table";

/** What wraps envelope keys. Both methods throw TriplineError `master-key-unavailable`. */
export interface MasterKey {
  /** Which key wraps, for those who look at what it wrapped. */
  readonly name: string;
  wrap(key: Uint8Array): Promise<Uint8Array>;
  /** Of what any version of it wrapped. */
  unwrap(wrapped: Uint8Array): Promise<Buffer>;
}

/** Bound to everything that a master key wraps, so that nothing else one gets a cloud's key to open is taken for an envelope key. */
export const WRAP_CONTEXT = "tripline-personal-data";

/** The calls of one kind of key, whose failures all become `master-key-unavailable`. */
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
