import { RequestMethod } from "@nestjs/common";
import { METHOD_METADATA, PATH_METADATA } from "@nestjs/common/constants.js";

/** A controller class. */
type Controller = abstract new (...args: never[]) => object;

/** A route of a controller, from its decorators. */
export interface ControllerRoute {
  /** In upper case. */
  readonly method: string;
  /** With parameters as `:id`. */
  readonly path: string;
  /** A decorator's value on the handler, or else on its controller. */
  stated(decorator: object): unknown;
}

export function routesOf(controller: Controller): ControllerRoute[] {
  const prefixes = pathsOf(controller);
  return Object.getOwnPropertyNames(controller.prototype).flatMap((name) => {
    const handler: unknown = Reflect.get(controller.prototype, name);
    const method = typeof handler === "function" ? Reflect.getMetadata(METHOD_METADATA, handler) : undefined;
    if (typeof handler !== "function" || method === undefined) return [];
    const stated = (decorator: object): unknown =>
      Reflect.getMetadata(keyOf(decorator), handler) ?? Reflect.getMetadata(keyOf(decorator), controller);
    return prefixes.flatMap((prefix) =>
      pathsOf(handler).map((path) => {
        const whole = `/${prefix}/${path}`.replaceAll(/\/+/g, "/").replace(/(?<=.)\/$/, "");
        return { method: RequestMethod[Number(method)] ?? "", path: whole, stated };
      }),
    );
  });
}

/** `get /v1/things/{id} things:read` for each route with the decorator, in OpenAPI notation. */
export function describedRoutes(controllers: readonly Controller[], decorator: object): string[] {
  return controllers.flatMap(routesOf).flatMap(({ method, path, stated }) => {
    const right = stated(decorator);
    return right === undefined ? [] : [`${method.toLowerCase()} ${path.replaceAll(/:(\w+)/g, "{$1}")} ${right}`];
  });
}

const pathsOf = (of: object): unknown[] => [Reflect.getMetadata(PATH_METADATA, of) ?? ""].flat();
const keyOf = (decorator: object): string => (decorator as { readonly KEY: string }).KEY;
