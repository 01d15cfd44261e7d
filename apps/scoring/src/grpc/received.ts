import type { MethodDefinition } from "@grpc/grpc-js";
import { TriplineError } from "@tripline/contracts/error-table";

/**
 * A parsed request, or the reason why parsing failed. The gRPC library would answer an unreadable message with
 * INTERNAL, as if the server were at fault. With this type the method itself rejects it as a client error.
 */
export type Received<T> = { readonly message: T } | { readonly fault: string };

/** A method of a generated service whose requests arrive as `Received`. For servers only. */
export type ReceivingMethod<Q, S> = MethodDefinition<Received<Q>, S>;

/** @param read parses the bytes of a request, and throws if that fails; the generated code by default */
export function receiving<Q, S>(
  method: MethodDefinition<Q, S>,
  read: (bytes: Buffer) => Q = method.requestDeserialize,
): ReceivingMethod<Q, S> {
  const requestDeserialize = (bytes: Buffer): Received<Q> => {
    try {
      return { message: read(bytes) };
    } catch (error) {
      return { fault: error instanceof Error ? error.message : String(error) };
    }
  };
  const requestSerialize = (): Buffer => {
    throw new TriplineError("internal", `${method.path} is served here, not called.`);
  };
  return { ...method, requestDeserialize, requestSerialize };
}

/** @throws TriplineError `message-unreadable` */
export function messageOf<Q>(received: Received<Q>, path: string): Q {
  if ("message" in received) return received.message;
  throw new TriplineError(
    "message-unreadable",
    `The request to ${path} cannot be read, or it contains a number that is out of range: ${received.fault}.`,
  );
}
