/** An error that the user can fix, such as a missing peer or a wrong option. Printed as a sentence without a stack. */
export class BenchError extends Error {
  override readonly name = "BenchError";
}
