import { TriplineError } from "@tripline/contracts/error-table";
import { callerOf } from "@tripline/nest-kit/http/token.guard";
import type { CallerKind } from "@tripline/service-kit/tokens/verify-token";
import { kindOf } from "@tripline/service-kit/tokens/verify-token";
import type { FastifyRequest } from "fastify";

/** Who asks for a change. Everybody manages the own tenant alone. */
export interface Actor {
  readonly tenant: string;
  readonly subject: string;
  readonly kind: CallerKind | "service";
}

export function actorOf(request: FastifyRequest): Actor {
  const caller = callerOf(request);
  return { tenant: caller.tenant, subject: caller.subject, kind: kindOf(caller) };
}

/** The same for what is not there and for what belongs to another tenant. */
export const notFound = (what: string): TriplineError => new TriplineError("not-found", `There is no such ${what}.`);
