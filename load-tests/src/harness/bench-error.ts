/** Something a user can fix: a missing peer or data set, a wrong option. Printed as one sentence, without a stack. */
export class BenchError extends Error {
  override readonly name = "BenchError";
}
