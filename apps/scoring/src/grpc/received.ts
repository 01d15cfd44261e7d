import type { MethodDefinition } from "@grpc/grpc-js";
import { TriplineError } from "@tripline/contracts/error-table";

/**
 * A request as it was read, or why it could not be. gRPC's library answers a message that cannot be read with INTERNAL, as
 * if the fault were ours; this way it reaches its method, which refuses it as the client's fault.
 */
export type Received<T> = { readonly message: T } | { readonly fault: string };

/** A method of a generated service, whose requests arrive as `Received`. Only the serializer of a server is used. */
export type ReceivingMethod<Q, S> = MethodDefinition<Received<Q>, S>;

/** @param read reads the bytes of one request, and throws if it cannot; the generated code by default */
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
    `The request of ${path} cannot be read, or a number in it is out of range: ${received.fault}.`,
  );
}
