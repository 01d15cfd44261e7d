import { once } from "node:events";
import { createServer } from "node:http";
import { tokenVerifier } from "@tripline/tokens/verify-token";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { BenchError } from "../harness/bench-error.js";
import { ownCpu } from "../harness/cpu-meter.js";
import type { BenchPart } from "../harness/run-benchmark.js";
import { samplesOf } from "../harness/run-contestants.js";

const ROUNDS = 7;
const TOKENS = 1_000;
const SHORT_TOKENS = 20;
const CHECKS_PER_TOKEN = 100;
const [ISSUER, AUDIENCE, SCOPE] = ["https://auth.tripline.test", "urn:tripline:api", "transactions:write"] as const;

/** Measures the verification of an access token (ES256), both the first time and from the cache. */
export const tokenPart: BenchPart = {
  name: "token",
  title: "access tokens: verified the first time, and from the cache",
  async run(context) {
    const isShort = context.flags.short === true;
    const count = isShort ? SHORT_TOKENS : TOKENS;
    const keys = await generateKeyPair("ES256");
    const jwk = { ...(await exportJWK(keys.publicKey)), kid: "bench", alg: "ES256", use: "sig" };
    const issuer = createServer((_request, response) => {
      response.setHeader("content-type", "application/json").end(JSON.stringify({ keys: [jwk] }));
    }).listen(0, "127.0.0.1");
    await once(issuer, "listening");
    try {
      const address = issuer.address();
      if (address === null || typeof address === "string") throw new BenchError("The issuer has no port.");
      const jwksUrl = `http://127.0.0.1:${address.port}/jwks`;
      const newVerifier = () => tokenVerifier({ issuer: ISSUER, audience: AUDIENCE, jwksUrl });
      const sign = (subject: string) =>
        new SignJWT({ tenant: "acme", scope: SCOPE })
          .setProtectedHeader({ alg: "ES256", kid: "bench", typ: "at+jwt" })
          .setIssuer(ISSUER)
          .setAudience(AUDIENCE)
          .setSubject(subject)
          .setExpirationTime("1h")
          .sign(keys.privateKey);
      const headers = await Promise.all(
        Array.from({ length: count }, async (_, at) => `Bearer ${await sign(`c-${at}`)}`),
      );
      let verifier = newVerifier();
      const renew = async (): Promise<void> => {
        verifier = newVerifier();
        await verifier.ready();
      };
      const measured = await context.measure(
        [
          {
            name: "first sight",
            meters: [ownCpu()],
            prepare: renew,
            async run() {
              for (const header of headers) await verifier.verify(header, SCOPE);
              return { operations: count };
            },
          },
          {
            name: "from the cache",
            meters: [ownCpu()],
            async run() {
              for (let pass = 0; pass < CHECKS_PER_TOKEN; pass += 1)
                for (const header of headers) await verifier.verify(header, SCOPE);
              return { operations: count * CHECKS_PER_TOKEN };
            },
          },
        ],
        { roundsDefault: isShort ? 1 : ROUNDS, warmUpRounds: 1 },
      );
      return {
        contestants: measured,
        summary: {
          jwt_us: samplesOf(measured, "from the cache", "cpu_us_per_op"),
          jwt_first_us: samplesOf(measured, "first sight", "cpu_us_per_op"),
        },
        notes: ["jwt_us, jwt_first_us: CPU time of a check, all threads; Node's thread pool verifies the signature."],
      };
    } finally {
      issuer.close();
    }
  },
};
