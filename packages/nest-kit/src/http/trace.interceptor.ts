import type { CallHandler, ExecutionContext, NestInterceptor } from "@nestjs/common";
import { Injectable } from "@nestjs/common";
import { traceRequest } from "@tripline/http/trace-request";
import { requestSpan } from "@tripline/telemetry/span-options";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Observable } from "rxjs";
import { from, lastValueFrom } from "rxjs";

/** Runs controller methods in the spans of their requests. */
@Injectable()
export class TraceInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const span = requestSpan(request.method, request.routeOptions.url ?? "");
    return from(traceRequest(span, request, http.getResponse<FastifyReply>(), () => lastValueFrom(next.handle())));
  }
}
