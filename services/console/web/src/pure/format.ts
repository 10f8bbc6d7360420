/** Times, durations and sizes as people read them. */

const pad = (value: number, width = 2): string => String(value).padStart(width, "0");

/** A duration in at most two units: 840 ms, 3.2 s, 4 m 07 s, 2 h 05 m, 3 d 04 h. */
export function duration(ms: number): string {
  if (!Number.isFinite(ms)) return "–";
  const whole = Math.max(0, ms);
  if (whole < 1000) return `${Math.round(whole)} ms`;
  if (whole < 59_950) return `${(whole / 1000).toFixed(1)} s`;
  const seconds = Math.round(whole / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${pad(seconds % 60)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} m`;
  const hours = Math.floor(minutes / 60);
  return `${Math.floor(hours / 24)} d ${pad(hours % 24)} h`;
}

/** How long ago: "12 s ago", "4 m ago", "yesterday" is left to the date. */
export function ago(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

/** The time of day here, to the millisecond. */
export function clock(ms: number): string {
  const at = new Date(ms);
  return `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}.${pad(at.getMilliseconds(), 3)}`;
}

/** Date and time of day here, to the second. */
export function dateTime(ms: number): string {
  const at = new Date(ms);
  const date = `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
  return `${date} ${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
}

export const millis = (iso: string | null | undefined): number | null => (iso ? Date.parse(iso) : null);

export function bytes(size: number): string {
  if (size < 1024) return `${size} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let value = size;
  let unit = -1;
  do {
    value /= 1024;
    unit += 1;
  } while (value >= 1024 && unit < units.length - 1);
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit] ?? ""}`;
}

export const count = (value: number): string => value.toLocaleString("en");

export const plural = (value: number, word: string): string => `${count(value)} ${word}${value === 1 ? "" : "s"}`;

/** A version for a place where it must be short: a hash's first eight letters. */
export const shortVersion = (version: string): string => (/^[0-9a-f]{16,}$/.test(version) ? version.slice(0, 8) : version);

/** A task's name without its environment. */
export const shortTask = (task: string): string => task.slice(task.lastIndexOf(".") + 1);

/** A value as indented JSON; a text that is one line stays itself. */
export function pretty(value: unknown): string {
  if (typeof value === "string" && !value.includes("\n")) return JSON.stringify(value);
  if (typeof value === "string") return value;
  return JSON.stringify(value, null, 2) ?? "null";
}
