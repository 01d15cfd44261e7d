import type { ArgumentsHost, ExceptionFilter, InjectionToken } from "@nestjs/common";
import { Catch, UseFilters } from "@nestjs/common";
import { EventPattern } from "@nestjs/microservices";
import type { ConsumerOptions, RecordBatch } from "@tripline/kafka/port";
import { throwError } from "rxjs";

export const KAFKA_TRANSPORT = Symbol("KAFKA_TRANSPORT");

export interface KafkaBatchesOptions
  extends Pick<ConsumerOptions, "group" | "topics" | "recordsPerBatchMax" | "recordsTogetherMax" | "roundsMax"> {
  /** Token of a provider that is `OwnPositions`, for a handler that keeps its positions itself. */
  readonly positions?: InjectionToken;
}

/** Nest would answer a caller. Here the consumer needs the error, whose code decides what happens to the records. */
@Catch()
class ErrorsForTheConsumer implements ExceptionFilter {
  catch(error: unknown, _host: ArgumentsHost) {
    return throwError(() => error);
  }
}

/**
 * Makes a method of a controller the handler of a consumer group: it is called with batches of one or more partitions, as
 * `ConsumerOptions.handle` says, by a service that starts with `transports: [KafkaStrategy]`.
 */
export function KafkaBatches(options: KafkaBatchesOptions) {
  const bind = EventPattern<Record<string, readonly RecordBatch[]>>(options.group, KAFKA_TRANSPORT, { ...options });
  const passErrors = UseFilters(ErrorsForTheConsumer);
  return (controller: object, name: string, method: TypedPropertyDescriptor<ConsumerOptions["handle"]>): void => {
    bind(controller, name, method);
    passErrors(controller, name, method);
  };
}
