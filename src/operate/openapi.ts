/** The description of the interface for programs, made of the table of routes. Pure. @module */
import type { Route } from "./route.ts";
import { ref, type Schema, SCHEMAS } from "./schemas.ts";

/** What every route may refuse. */
const COMMON = [400, 401, 403, 421, 500];

/** The OpenAPI 3.1 description of some routes. */
export function describeRoutes(routes: readonly Route[], version: string): Schema {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const path = route.path.replace("*}", "}");
    (paths[path] ??= {})[route.method.toLowerCase()] = operationOf(route);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "fxfer's door for operators",
      version,
      description:
        "Sessions are named by the first 8 characters of their ids. Times are UTC, sizes bytes.",
    },
    security: [{ token: [] }, { login: [] }],
    paths,
    components: {
      schemas: SCHEMAS,
      securitySchemes: {
        token: { type: "http", scheme: "bearer" },
        login: { type: "apiKey", in: "cookie", name: "fxfer_admin" },
      },
    },
  };
}

function operationOf(route: Route): Schema {
  const { summary, query = {}, body, answer, media, status = 200, refusals = [], open } = route;
  const inPath = Array.from(route.path.matchAll(/\{([a-z]+)\*?\}/g), ([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  const inQuery = Object.entries(query).map(([name, { about, schema }]) => (
    { name, in: "query", description: about, schema }
  ));
  const content = answer !== undefined
    ? { "application/json": { schema: ref(answer) } }
    : media !== undefined
    ? { [media]: { schema: { type: "string" } } }
    : undefined;
  const refused = (code: number) => [
    String(code),
    { description: "Refused", content: { "application/json": { schema: ref("Error") } } },
  ];
  return {
    operationId: operationId(route),
    summary,
    ...(open && { security: [] }),
    ...(inPath.length + inQuery.length > 0 && { parameters: [...inPath, ...inQuery] }),
    ...(body !== undefined && {
      requestBody: { required: true, content: { "application/json": { schema: ref(body) } } },
    }),
    responses: {
      [status]: { description: summary, ...(content && { content }) },
      ...Object.fromEntries([...COMMON, ...(body ? [415] : []), ...refusals].map(refused)),
    },
  };
}

/** Such as `getSessionsId`. */
function operationId({ method, path }: Route): string {
  const words = path.split("/").slice(3).map((part) => part.replaceAll(/[{}*.]/g, ""));
  return method.toLowerCase() +
    words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join("");
}
