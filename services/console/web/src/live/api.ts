/** Questions to the gateway, and its errors as values that can be shown. */

import { here, isOut } from "./session";

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly hint: string,
  ) {
    super(message);
  }
}

const UNREACHABLE = "The console does not answer.";

/** The JSON at an address. Raises ApiError, also for a gateway that cannot be reached. */
export async function getJson<T>(url: string, signal?: AbortSignal): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(here(url), { headers: { Accept: "application/json" }, ...(signal ? { signal } : {}) });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, "Unreachable", UNREACHABLE, "It is asked again by itself. Is the stack running? See: flyte status");
  }
  if (answer.ok) return (await answer.json()) as T;
  if (answer.status === 401) isOut.value = true;
  throw await errorOf(answer);
}

async function errorOf(answer: Response): Promise<ApiError> {
  const said = (await answer.json().catch(() => null)) as { code?: string; message?: string; hint?: string } | null;
  const message = said?.message ?? `The console answered ${answer.status} ${answer.statusText}.`;
  return new ApiError(answer.status, said?.code ?? String(answer.status), message, said?.hint ?? "");
}
