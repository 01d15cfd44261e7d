/** Exit code of a program that a signal ended, as shells count: 128 and SIGINT's 2. */
const EXIT_INTERRUPTED = 130;

/**
 * Fires on Ctrl-C and on SIGTERM. What is running is then stopped in order; a second Ctrl-C does not wait for that.
 */
export function endOnSignal(): AbortController {
  const controller = new AbortController();
  const end = (): void => {
    if (controller.signal.aborted) process.exit(EXIT_INTERRUPTED);
    controller.abort();
  };
  process.on("SIGINT", end);
  process.on("SIGTERM", end);
  return controller;
}
