import type { FastifyReply } from "fastify";
import type { Requested } from "./grants.js";

const OK = 200;
export const CREATED = 201;
const ACCEPTED = 202;

/** The answer is still what a method returns. */
export const REPLY = { passthrough: true };

/**
 * Response to a change: 202 with the grant that awaits a second administrator, or the changed entry.
 *
 * @param secret a password or secret, shown once; it works once the change is applied
 * @param done the status if no approval is needed
 */
export function answerRequest(
  reply: FastifyReply,
  requested: Requested,
  secret: { readonly password?: string; readonly client_secret?: string } = {},
  done = OK,
): object {
  reply.status("grant" in requested ? ACCEPTED : done);
  return { ...requested, ...secret };
}
