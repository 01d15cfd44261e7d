import { variablesOf } from "../service-environment/service-variables.js";

test.each(["ingestion", "features", "scoring", "decisions"] as const)(
  "bad input: %s continues while Postgres is down, since it does not know its address",
  (name) => {
    expect(Object.keys(variablesOf(name)).filter((variable) => /POSTGRES|DATABASE/.test(variable))).toEqual([]);
  },
);
