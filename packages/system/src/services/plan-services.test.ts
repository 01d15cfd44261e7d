import { variablesOf } from "../service-environment/service-variables.js";

test.each(["ingestion", "features", "scoring", "decisions"] as const)(
  "bad input: while Postgres is down %s goes on, since it is never told where that is",
  (name) => {
    expect(Object.keys(variablesOf(name)).filter((variable) => /POSTGRES|DATABASE/.test(variable))).toEqual([]);
  },
);
