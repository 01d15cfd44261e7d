import type { FastifyReply } from "fastify";
import type { Requested } from "./grants.js";

const OK = 200;
export const CREATED = 201;
const ACCEPTED = 202;

/** Nest still sends the method's return value as the response. */
export const REPLY = { passthrough: true };

/**
 * The response to a change: 202 with the grant that awaits a second administrator, or the changed entry.
 *
 * @param secret a new password or secret; only this response shows it, and it is valid after the change is applied
 * @param done the HTTP status if no approval is needed
 */
export function answerRequest(
  reply: FastifyReply,
  requested: Requested,
  secret: Readonly<Partial<Record<"password" | "client_secret" | "token", string>>> = {},
  done = OK,
): object {
  reply.status("grant" in requested ? ACCEPTED : done);
  return { ...requested, ...secret };
}
