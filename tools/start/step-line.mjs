// One line per step with its duration; on a terminal, a progress bar for a step of more than two seconds.
const BAR_AFTER_MS = 2_000;
const BAR_WIDTH = 30;
const REDRAW_MS = 100;
const NAME_WIDTH = 44;

/**
 * Prints steps as they are reported; not to standard output, which is for the command's result.
 *
 * @returns {(step: import("./install.mjs").InstallStep) => void}
 */
export function stepPrinter(out = process.stderr) {
  /** @type {NodeJS.Timeout | undefined} */
  let ticker;
  return ({ name, state, durationMs = 0 }) => {
    clearInterval(ticker);
    if (state === "start") {
      if (!out.isTTY) return;
      const startedMs = performance.now();
      ticker = setInterval(() => draw(out, name, performance.now() - startedMs), REDRAW_MS);
      return;
    }
    const clear = out.isTTY ? "\r\x1b[2K" : "";
    out.write(`${clear}  ${state === "done" ? "✓" : "✗"} ${name.padEnd(NAME_WIDTH)} ${seconds(durationMs)}\n`);
  };
}

/**
 * @param {NodeJS.WriteStream} out
 * @param {string} name
 * @param {number} elapsedMs
 */
function draw(out, name, elapsedMs) {
  const at = Math.floor(elapsedMs / REDRAW_MS) % BAR_WIDTH;
  const bar = elapsedMs < BAR_AFTER_MS ? "" : ` [${" ".repeat(at)}=${" ".repeat(BAR_WIDTH - at - 1)}]`;
  out.write(`\r\x1b[2K  … ${name.padEnd(NAME_WIDTH)} ${seconds(elapsedMs)}${bar}`);
}

const seconds = (/** @type {number} */ durationMs) => `${(durationMs / 1000).toFixed(1).padStart(6)} s`;
