/**
 * Ends a check: writes skipped checks to standard output, faults to standard error, and sets the exit code.
 *
 * @param {{ faults: readonly string[], skipped: readonly string[] }} findings
 */
export function reportFindings({ faults, skipped }) {
  for (const line of skipped) process.stdout.write(`skipped: ${line}\n`);
  for (const line of faults) process.stderr.write(`${line}\n`);
  process.exitCode = faults.length > 0 ? 1 : 0;
}
