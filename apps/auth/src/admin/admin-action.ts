import { TriplineError } from "@tripline/contracts/error-table";
import { callerOf } from "@tripline/nest-kit/http/token.guard";
import type { CallerKind } from "@tripline/tokens/verify-token";
import { kindOf } from "@tripline/tokens/verify-token";
import type { FastifyRequest } from "fastify";

/** The caller who requests a change. Callers manage only their own tenant. */
export interface Actor {
  readonly tenant: string;
  readonly subject: string;
  /**
   * The acting user; for a machine client, its owner. Absent for a client without an owner and for the command line.
   */
  readonly principal?: string | undefined;
  readonly kind: CallerKind | "service";
}

export function actorOf(request: FastifyRequest): Actor {
  const caller = callerOf(request);
  const kind = kindOf(caller);
  const principal = kind === "person" ? caller.subject : caller.owner;
  return { tenant: caller.tenant, subject: caller.subject, kind, principal };
}

/** A missing entry and an entry of another tenant cause the same error. */
export const notFound = (what: string): TriplineError => new TriplineError("not-found", `This ${what} does not exist.`);
