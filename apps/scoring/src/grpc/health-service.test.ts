import { EventEmitter } from "node:events";
import type { Server, ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import { HealthCheck } from "./health-service.js";

/** The part of a watch stream that the service uses. */
class Watcher extends EventEmitter {
  readonly request = { service: "" };
  write(): boolean {
    return true;
  }
  end(): void {}
}

function watchOf(health: HealthCheck): (watcher: Watcher) => void {
  let watch: unknown;
  const server: Pick<Server, "addService"> = {
    addService(_definition: ServiceDefinition, implementation: UntypedServiceImplementation) {
      watch = Reflect.get(implementation, "watch");
    },
  };
  health.addTo(server);
  return (watcher) => Reflect.apply(Object(watch), undefined, [watcher]);
}

test("does not poll when there are no watchers", () => {
  jest.useFakeTimers();
  try {
    const watch = watchOf(new HealthCheck(() => true));
    const [first, second, third] = [new Watcher(), new Watcher(), new Watcher()];
    watch(first);
    watch(second);
    expect(jest.getTimerCount()).toBe(1);
    first.emit("cancelled");
    expect(jest.getTimerCount()).toBe(1);
    second.emit("cancelled");
    expect(jest.getTimerCount()).toBe(0);
    watch(third);
    expect(jest.getTimerCount()).toBe(1);
  } finally {
    jest.useRealTimers();
  }
});
