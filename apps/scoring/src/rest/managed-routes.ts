/** The paths on which managed endpoints of the clouds call a container. */
export interface ManagedRoutes {
  readonly health: readonly string[];
  readonly predict: readonly string[];
}

/** The paths that Vertex AI chose, if it runs the container. */
interface VertexPaths {
  readonly AIP_HEALTH_ROUTE?: string | undefined;
  readonly AIP_PREDICT_ROUTE?: string | undefined;
}

/**
 * SageMaker's paths are fixed, Azure ML's are chosen by the deployment, and Vertex AI passes its own in variables. Azure
 * ML checks `/health/live` and `/health/ready`, which every service has.
 */
export function managedRoutes({ AIP_HEALTH_ROUTE: health, AIP_PREDICT_ROUTE: predict }: VertexPaths): ManagedRoutes {
  return {
    health: ["/ping", ...(health === undefined ? [] : [health])],
    predict: ["/invocations", "/score", ...(predict === undefined ? [] : [predict])],
  };
}

/** Whether the service already uses this path, so that Vertex AI must not assign it. */
export function isTaken(path: string): boolean {
  return /^\/(v2|health|metrics|ping|invocations|score)(\/|$)/.test(path);
}
