/** The page's addresses: which page a path is, and the path of a page. */

import type { Place } from "./rows";

export type Route =
  | { page: "home" }
  | { page: "runs"; place: Place }
  | { page: "run"; place: Place; run: string; action: string | null }
  | { page: "tasks"; place: Place }
  | { page: "task"; place: Place; task: string }
  | { page: "missing"; path: string };

export function routeOf(path: string): Route {
  const parts = path.split("/").filter(Boolean).map(decode);
  if (parts.length === 0) return { page: "home" };
  const [projects, project, domains, domain, kind, name, actions, action, ...rest] = parts;
  const missing: Route = { page: "missing", path };
  if (projects !== "projects" || domains !== "domains" || !project || !domain || rest.length > 0) return missing;
  const place = { project, domain };
  if (kind === "runs" && !name) return { page: "runs", place };
  if (kind === "runs" && name && !actions) return { page: "run", place, run: name, action: null };
  if (kind === "runs" && name && actions === "actions" && action) return { page: "run", place, run: name, action };
  if (kind === "tasks" && !name) return { page: "tasks", place };
  if (kind === "tasks" && name && !actions) return { page: "task", place, task: name };
  return missing;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

const within = (place: Place, ...rest: string[]): string =>
  `/${["projects", place.project, "domains", place.domain, ...rest].map(encodeURIComponent).join("/")}`;

export const runsPath = (place: Place): string => within(place, "runs");
export const tasksPath = (place: Place): string => within(place, "tasks");
export const taskPath = (place: Place, task: string): string => within(place, "tasks", task);
export const runPath = (place: Place, run: string): string => within(place, "runs", run);
export const actionPath = (place: Place, run: string, action: string): string =>
  within(place, "runs", run, "actions", action);

export const apiOf = (place: Place, ...rest: string[]): string => `/api/v1${within(place, ...rest)}`;

/** An address with what of these has a value. */
export function withQuery(path: string, values: Record<string, string | number | readonly string[] | null | undefined>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (Array.isArray(value)) for (const one of value as readonly string[]) query.append(name, one);
    else if (value !== null && value !== undefined && value !== "") query.set(name, String(value));
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}
