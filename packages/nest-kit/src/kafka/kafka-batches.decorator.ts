import type { ArgumentsHost, ExceptionFilter, InjectionToken } from "@nestjs/common";
import { Catch, UseFilters } from "@nestjs/common";
import { EventPattern } from "@nestjs/microservices";
import type { ConsumerOptions, RecordBatch } from "@tripline/kafka/port";
import { throwError } from "rxjs";

export const KAFKA_TRANSPORT = Symbol("KAFKA_TRANSPORT");

export interface KafkaBatchesOptions
  extends Pick<ConsumerOptions, "group" | "topics" | "recordsPerBatchMax" | "recordsTogetherMax" | "roundsMax"> {
  /** Token of an `OwnPositions` provider, for a handler that stores its own positions. */
  readonly positions?: InjectionToken;
}

/**
 * Nest would send a response. The consumer needs the error instead, because its code decides what happens to the
 * records.
 */
@Catch()
class ErrorsForTheConsumer implements ExceptionFilter {
  catch(error: unknown, _host: ArgumentsHost) {
    return throwError(() => error);
  }
}

/**
 * Makes a controller method the handler of a consumer group. It is called with batches of one or more partitions, as
 * `ConsumerOptions.handle` describes, in a service that starts with `transports: [KafkaStrategy]`.
 */
export function KafkaBatches(options: KafkaBatchesOptions) {
  const bind = EventPattern<Record<string, readonly RecordBatch[]>>(options.group, KAFKA_TRANSPORT, { ...options });
  const passErrors = UseFilters(ErrorsForTheConsumer);
  return <R extends ReturnType<ConsumerOptions["handle"]>>(
    controller: object,
    name: string,
    method: TypedPropertyDescriptor<(batches: readonly RecordBatch[]) => R>,
  ): void => {
    bind(controller, name, method);
    passErrors(controller, name, method);
  };
}
