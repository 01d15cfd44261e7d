import type { LoggerService } from "@nestjs/common";
import type { Logger } from "@tripline/service-kit/logger";

/** Nest's own messages in the service's log: start-up chatter at debug level. */
export function nestLogger(logger: Logger): LoggerService {
  return {
    log: (message: unknown) => logger.debug(String(message)),
    debug: (message: unknown) => logger.debug(String(message)),
    verbose: (message: unknown) => logger.trace(String(message)),
    warn: (message: unknown) => logger.warn(String(message)),
    error: (message: unknown, ...rest: unknown[]) => logger.error({ details: rest.map(String) }, String(message)),
    fatal: (message: unknown, ...rest: unknown[]) => logger.fatal({ details: rest.map(String) }, String(message)),
  };
}
