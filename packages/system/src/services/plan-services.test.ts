import { variablesOf } from "../service-environment/service-variables.js";

test.each(["ingestion", "features", "scoring", "decisions"] as const)(
  "%s continues while Postgres is down, because it does not know the address of Postgres",
  (name) => {
    expect(Object.keys(variablesOf(name)).filter((variable) => /POSTGRES|DATABASE/.test(variable))).toEqual([]);
  },
);
