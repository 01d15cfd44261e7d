import type { LoggerService } from "@nestjs/common";
import type { Logger } from "@tripline/service-kit/telemetry/logger";

/** Where Nest says what it also throws while an application is made. */
const START_FAILED = "ExceptionHandler";

/** Nest's own messages in the service's log: start-up chatter at debug level. */
export function nestLogger(logger: Logger): LoggerService {
  return {
    log: (message: unknown) => logger.debug(String(message)),
    debug: (message: unknown) => logger.debug(String(message)),
    verbose: (message: unknown) => logger.trace(String(message)),
    warn: (message: unknown) => logger.warn(String(message)),
    error(message: unknown, ...rest: unknown[]) {
      // What stops a start is thrown, and said by whoever starts.
      if (rest.at(-1) !== START_FAILED) logger.error({ details: rest.map(String) }, String(message));
    },
    fatal: (message: unknown, ...rest: unknown[]) => logger.fatal({ details: rest.map(String) }, String(message)),
  };
}
