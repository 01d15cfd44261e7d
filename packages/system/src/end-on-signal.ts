/** Exit code of a program that a signal ended, as in shells: 128 plus 2 for SIGINT. */
const EXIT_INTERRUPTED = 130;

/** Fires on Ctrl-C and SIGTERM, for an orderly shutdown. A second Ctrl-C ends the process immediately. */
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
