import type { Logger } from "@tripline/telemetry/logger";

const CLOSE_MS_MAX = 10_000;

/** Closes one part of a service. Always resolves within 10 s, so that the remaining parts are closed too. */
export async function closeWithin(logger: Logger, part: string, close: () => unknown): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not finished within ${CLOSE_MS_MAX} ms`)), CLOSE_MS_MAX);
  });
  try {
    await Promise.race([Promise.resolve().then(close), late]);
  } catch (error) {
    logger.error({ err: error, step: part }, "shutdown step failed");
  } finally {
    clearTimeout(timer);
  }
}
