import type { ErrorCode } from "./error-table.js";
import { asTriplineError, shownDetail, TriplineError } from "./error-table.js";

const offline = new Error("Stream isn't writeable and enableOfflineQueue options is false");
const refused = new AggregateError([new Error("connect ECONNREFUSED 10.0.0.3:6379")], "");
const caused = (code: ErrorCode, detail: string, cause: unknown): TriplineError =>
  new TriplineError(code, detail, [], { cause });

test.each<[string, TriplineError, string]>([
  [
    "a library's words",
    caused("redis-unavailable", `Redis: ${offline.message}`, offline),
    "Redis is unavailable; try again.",
  ],
  [
    "an address",
    caused("database-unavailable", "The database is unavailable: connect ECONNREFUSED 10.0.0.3:6379.", refused),
    "The database is unavailable.",
  ],
  [
    "words of a cause's cause",
    caused(
      "kafka-unavailable",
      "Kafka is not responding: no leader at b-1",
      new Error("x", { cause: new Error("no leader at b-1") }),
    ),
    "Kafka is unavailable; try again.",
  ],
  [
    "what to do after a library's words",
    caused(
      "store-refused",
      "s3://nowhere/lake cannot be listed: The specified bucket does not exist. Create the bucket.",
      new Error("The specified bucket does not exist."),
    ),
    "s3://nowhere/lake cannot be listed. Create the bucket.",
  ],
  [
    "a bug",
    asTriplineError(new TypeError("Cannot read properties of undefined")),
    "The request failed because of an internal error. Find the cause in the logs by its trace ID.",
  ],
  [
    "our own sentence",
    caused("kafka-unavailable", "The payment was not accepted; send it again.", offline),
    "The payment was not accepted; send it again.",
  ],
  [
    "our own cause",
    caused("not-found", "There is no draft x.", new TriplineError("not-found", "There is no draft x.")),
    "There is no draft x.",
  ],
  ["a fault of the caller", new TriplineError("invalid-field", "amount must be a number."), "amount must be a number."],
])("regression #24: shows only the readable part of %s", (_what, error, shown) => {
  expect(shownDetail(error)).toBe(shown);
});
