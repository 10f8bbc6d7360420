/** A question to the gateway as a hook: what it answered, what went wrong, and whether it is being asked. */

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ApiError, getJson } from "./api";

export interface Asked<T> {
  data: T | null;
  error: ApiError | null;
  isAsking: boolean;
  again: () => void;
}

const RETRY_MS = 2_000;

/** The answer at a URL (null: nothing is asked). An older answer of the same `subject` stays until the next is there. */
export function useJson<T>(url: string | null, subject: string = url ?? ""): Asked<T> {
  const [state, setState] = useState<{ subject: string; data: T | null; error: ApiError | null; isAsking: boolean }>({
    subject,
    data: null,
    error: null,
    isAsking: true,
  });
  const [turn, setTurn] = useState(0);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => {
    if (url === null) return undefined;
    const request = new AbortController();
    setState((old) => (old.subject === subject ? { ...old, isAsking: true } : { subject, data: null, error: null, isAsking: true }));
    getJson<T>(url, request.signal).then(
      (data) => setState({ subject, data, error: null, isAsking: false }),
      (error: unknown) => {
        if (request.signal.aborted) return;
        const known = error instanceof ApiError ? error : new ApiError(0, "Error", String(error), "");
        setState((old) => ({ ...old, error: known, isAsking: false }));
        if (known.status === 0 || known.status >= 500) timer.current = setTimeout(() => setTurn((one) => one + 1), RETRY_MS);
      },
    );
    return () => {
      request.abort();
      clearTimeout(timer.current);
    };
  }, [url, subject, turn]);
  const again = useCallback(() => setTurn((one) => one + 1), []);
  const isCurrent = state.subject === subject;
  return { data: isCurrent ? state.data : null, error: isCurrent ? state.error : null, isAsking: state.isAsking || !isCurrent, again };
}
