import { Readable } from "node:stream";
import type { CallHandler, ExecutionContext, NestInterceptor } from "@nestjs/common";
import { Injectable } from "@nestjs/common";
import { holdsCardNumber } from "@tripline/contracts/find-card-number";
import { invalidFields, pointerTo } from "@tripline/http/describe-issues";
import type { FastifyRequest } from "fastify";
import type { Observable } from "rxjs";

/** Fields that are hashed or compared, but never stored. Users may choose any password. */
const NEVER_KEPT = /^(?:(?:new_|current_)?password|client_secret|client_assertion|token)$/;
/** Maximum nesting depth of a parsed body; bodies with deeper nesting are rejected. */
const DEPTH_MAX = 64;

/** Text that no field of any API accepts. */
const REFUSED = [
  {
    isIn: holdsCardNumber,
    detail: "must not contain a card number; send the token of the card",
  },
  {
    isIn: (text: string) => text.includes("\0"),
    detail: "must not contain the character U+0000",
  },
] as const;

/**
 * Rejects requests on all routes with a card number or the character U+0000 in any text: in a name, a note, an id, the
 * path or the query. Card numbers may enter only through the ingestion API, which has its own routes. The interceptor
 * runs after the guards, so that a caller without a token learns nothing.
 */
@Injectable()
export class TextInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getType() === "http") {
      const { params, query, body } = context.switchToHttp().getRequest<FastifyRequest>();
      const found = REFUSED.flatMap(({ isIn, detail }) =>
        [params, query, body]
          .flatMap((part) => placesIn(part, [], isIn))
          .map((place) => ({ pointer: pointerTo(place), detail })),
      );
      if (found.length > 0) throw invalidFields(found);
    }
    return next.handle();
  }
}

type Place = readonly string[];

/** The places of rejected text. Streams and buffers are checked by their consumers. */
function placesIn(value: unknown, place: Place, isIn: (text: string) => boolean): Place[] {
  if (typeof value === "string") return isIn(value) ? [place] : [];
  // Fractions are skipped, because a model receives thousands of them.
  if (typeof value === "number") return Number.isInteger(value) && isIn(String(value)) ? [place] : [];
  if (typeof value !== "object" || value === null) return [];
  if (value instanceof Readable || ArrayBuffer.isView(value)) return [];
  if (place.length === DEPTH_MAX) return [place];
  return Object.entries(value).flatMap(([name, inner]) => {
    if (NEVER_KEPT.test(name)) return [];
    return isIn(name) ? [place] : placesIn(inner, [...place, name], isIn);
  });
}
