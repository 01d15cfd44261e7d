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
   * The acting user: the owner, for a machine client. Absent for a client without an owner and for the command line.
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

/** The same error for a missing entry and one of another tenant. */
export const notFound = (what: string): TriplineError => new TriplineError("not-found", `This ${what} does not exist.`);
