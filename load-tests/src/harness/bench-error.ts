/** Something a user can mend: a missing peer or data set, a wrong option. Printed as its one sentence, without a stack. */
export class BenchError extends Error {
  override readonly name = "BenchError";
}
