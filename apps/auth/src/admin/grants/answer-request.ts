import type { FastifyReply } from "fastify";
import type { Requested } from "./grants.js";

const OK = 200;
export const CREATED = 201;
const ACCEPTED = 202;

/** The answer is still what a method returns. */
export const REPLY = { passthrough: true };

/**
 * The answer to a change: 202 with the grant that waits for a second administrator, or what was changed.
 *
 * @param secret a password or secret, shown this once; it works once the change is made
 * @param done the status where nothing waits
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
