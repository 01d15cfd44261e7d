import type { FastifyReply } from "fastify";
import type { Requested } from "./grants.js";

const ACCEPTED = 202;

/**
 * The answer to a change: 202 with the grant that waits for a second administrator, or what was changed.
 *
 * @param secret a password or secret, shown this once; it works once the change is made
 */
export function answerRequest(
  reply: FastifyReply,
  requested: Requested,
  secret: { readonly password?: string; readonly client_secret?: string } = {},
): object {
  if ("grant" in requested) reply.status(ACCEPTED);
  return { ...requested, ...secret };
}
