import type { OnModuleInit } from "@nestjs/common";
import { Controller, Get, Inject, Module } from "@nestjs/common";
import { HttpAdapterHost } from "@nestjs/core";
import { createLogger } from "@tripline/telemetry/logger";
import type { ServiceAdapter } from "./service.adapter.js";
import type { RunningService } from "./start-service.js";
import { startService } from "./start-service.js";

const hooked: string[] = [];

@Controller()
class WithinController {
  @Get("/within")
  within(): string {
    return "within";
  }
}

@Module({ controllers: [WithinController] })
class TwoSidedModule implements OnModuleInit {
  constructor(@Inject(HttpAdapterHost) private readonly host: HttpAdapterHost<ServiceAdapter>) {}

  async onModuleInit(): Promise<void> {
    const { httpAdapter } = this.host;
    httpAdapter.getInstance().addHook("onRequest", async ({ url }) => void hooked.push(url));
    await httpAdapter.besideNest.register(async (scope) => {
      scope.post("/beside", async () => "beside");
    });
  }
}

describe("routes outside Nest", () => {
  let service: RunningService;

  beforeAll(async () => {
    const logger = createLogger("two-sided", "silent");
    service = await startService({ name: "two-sided", port: 0, host: "127.0.0.1", logger, module: TwoSidedModule });
  });

  afterAll(() => service.close());

  test("bypass Nest's hooks, while Nest's routes keep them", async () => {
    hooked.length = 0;
    const sendRequest = async (path: string, init = {}) => (await fetch(service.url + path, init)).text();
    expect(await sendRequest("/beside", { method: "POST" })).toBe("beside");
    expect(await sendRequest("/within")).toBe("within");
    expect(hooked).toEqual(["/within"]);
  });

  test("appear in the 405 response to another method", async () => {
    const answers = await Promise.all(
      ["/beside", "/within"].map((path) => fetch(service.url + path, { method: "DELETE" })),
    );
    expect(answers.map(({ status, headers }) => [status, headers.get("allow")])).toEqual([
      [405, "POST"],
      [405, "GET, HEAD"],
    ]);
  });
});
