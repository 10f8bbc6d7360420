/** A task's template in a few lines for people. */

export interface Parameter {
  name: string;
  annotation: string;
  required: boolean;
  default: unknown;
  description: string;
}

/** The part of a template that the page reads; the rest is shown as it is. */
export interface Template {
  name: string;
  short_name?: string;
  environment?: string;
  description?: string;
  docs?: string;
  interface?: { inputs?: Parameter[]; outputs?: Parameter[] };
  source?: { module?: string; function?: string; file?: string; line?: number };
  image?: string;
  resources?: Record<string, unknown>;
  policies?: Record<string, unknown>;
  env_vars?: Record<string, string>;
  secrets?: { key?: string; group?: string | null }[];
  reuse?: unknown;
  queue?: string | null;
  report?: boolean;
  triggers?: { name?: string }[];
}

const words = (key: string): string => key.replace(/_s$/, "").replaceAll("_", " ");

/** A value in a line: what is unset is left out, an object becomes "name: value, …". */
export function inline(value: unknown): string {
  if (value === null || value === undefined || value === "" || value === false) return "";
  if (value === true) return "yes";
  if (Array.isArray(value)) return value.map(inline).filter(Boolean).join(", ");
  if (typeof value !== "object") return String(value);
  return Object.entries(value)
    .map(([key, one]) => [key, inline(one)] as const)
    .filter(([, text]) => text)
    .map(([key, text]) => (text === "yes" ? words(key) : `${words(key)}: ${text}`))
    .join(", ");
}

/** What a task without a cache says of it. */
const NO_CACHE = "behavior: disable";

/** The lines that say something. */
export function factsOf(template: Template | null | undefined): [string, string][] {
  if (!template) return [];
  const { source } = template;
  const lines: [string, string][] = [
    ["Source", source?.file ? `${source.file}:${source.line ?? 0} ${source.function ?? ""}` : ""],
    ["Image", template.image === "auto" ? "" : inline(template.image)],
    ["Resources", inline(template.resources)],
    ["Variables", Object.entries(template.env_vars ?? {}).map(([key, value]) => `${key}=${value}`).join(", ")],
    ["Secrets", inline((template.secrets ?? []).map(({ key, group }) => (group ? `${group}/${key ?? ""}` : key)))],
    ["Queue", inline(template.queue)],
    ["Reuse", inline(template.reuse)],
    ["Triggers", inline((template.triggers ?? []).map(({ name }) => name))],
    ...Object.entries(template.policies ?? {}).map(([key, value]): [string, string] => {
      const name = words(key);
      return [name.charAt(0).toUpperCase() + name.slice(1), value === 0 ? "" : inline(value)];
    }),
  ];
  return lines.filter(([, text]) => text !== "" && text !== NO_CACHE);
}

/** A signature as one would write it: "main(n: int, name: str = 'World') -> str". */
export function signature(template: Template): string {
  const inputs = (template.interface?.inputs ?? []).map(
    ({ name, annotation, required, default: value }) => `${name}: ${annotation}${required ? "" : ` = ${JSON.stringify(value)}`}`,
  );
  const outputs = (template.interface?.outputs ?? []).map(({ annotation }) => annotation);
  const result = outputs.length === 0 ? "None" : outputs.length === 1 ? outputs[0]! : `(${outputs.join(", ")})`;
  return `${template.short_name ?? template.name}(${inputs.join(", ")}) -> ${result}`;
}
