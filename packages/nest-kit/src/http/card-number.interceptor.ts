import { Readable } from "node:stream";
import type { CallHandler, ExecutionContext, NestInterceptor } from "@nestjs/common";
import { Injectable } from "@nestjs/common";
import { holdsCardNumber } from "@tripline/contracts/find-card-number";
import { invalidFields, pointerTo } from "@tripline/http/describe-issues";
import type { FastifyRequest } from "fastify";
import type { Observable } from "rxjs";

/** Fields that are hashed or compared and never stored. Users may choose any password. */
const NEVER_KEPT = /^(?:(?:new_|current_)?password|client_secret|client_assertion|token)$/;
/** A parsed body is nested no deeper than this; what is deeper is refused. */
const DEPTH_MAX = 64;

/**
 * Rejects a card number in any text or number of a request, on every route: in a name, a note, an id, the path or the query. Card numbers
 * enter only through the ingestion API, which has routes of its own. The interceptor runs after the guards, so that a caller without a
 * token learns nothing.
 */
@Injectable()
export class CardNumberInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getType() === "http") {
      const { params, query, body } = context.switchToHttp().getRequest<FastifyRequest>();
      const found = [params, query, body].flatMap((part) => placesIn(part, []));
      if (found.length > 0) {
        throw invalidFields(
          found.map((place) => ({
            pointer: pointerTo(place),
            detail: "must not hold what looks like a card number; send the token of the card",
          })),
        );
      }
    }
    return next.handle();
  }
}

type Place = readonly string[];

/** Where one stands. Streams and buffers are for whoever reads them. */
function placesIn(value: unknown, place: Place): Place[] {
  if (typeof value === "string") return holdsCardNumber(value) ? [place] : [];
  // A model is sent thousands of fractions.
  if (typeof value === "number") return Number.isInteger(value) && holdsCardNumber(String(value)) ? [place] : [];
  if (typeof value !== "object" || value === null) return [];
  if (value instanceof Readable || ArrayBuffer.isView(value)) return [];
  if (place.length === DEPTH_MAX) return [place];
  return Object.entries(value).flatMap(([name, inner]) => {
    if (NEVER_KEPT.test(name)) return [];
    return holdsCardNumber(name) ? [place] : placesIn(inner, [...place, name]);
  });
}
