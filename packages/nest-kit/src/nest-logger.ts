import type { LoggerService } from "@nestjs/common";
import type { Logger } from "@tripline/telemetry/logger";

/** Context of Nest's log lines for errors that Nest also throws while it creates an application. */
const START_FAILED = "ExceptionHandler";

/** Nest's own messages in the service's log; start-up messages at debug level. */
export function nestLogger(logger: Logger): LoggerService {
  return {
    log: (message: unknown) => logger.debug(String(message)),
    debug: (message: unknown) => logger.debug(String(message)),
    verbose: (message: unknown) => logger.trace(String(message)),
    warn: (message: unknown) => logger.warn(String(message)),
    error(message: unknown, ...rest: unknown[]) {
      // A start-up error is also thrown, and the caller logs it.
      if (rest.at(-1) !== START_FAILED) logger.error({ details: rest.map(String) }, String(message));
    },
    fatal: (message: unknown, ...rest: unknown[]) => logger.fatal({ details: rest.map(String) }, String(message)),
  };
}
