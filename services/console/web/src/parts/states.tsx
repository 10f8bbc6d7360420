/** What stands where there is nothing to show: still loading, nothing there, gone wrong. */

import type { ComponentChildren, VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { ApiError } from "../live/api";

/** Nothing here, and what to type so that there is something. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }): VNode {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}

export const Command = ({ children }: { children: string }): VNode => <code class="command">{children}</code>;

/** What went wrong, and what to do. */
export function Trouble({ error, again }: { error: ApiError; again?: () => void }): VNode {
  return (
    <div class="empty trouble" role="alert">
      <p class="empty-title">{error.message}</p>
      {error.hint && <p>{error.hint}</p>}
      {again && (
        <button type="button" class="button" onClick={again}>
          Ask again
        </button>
      )}
    </div>
  );
}

const SHOWN_AFTER_MS = 150;

/** Grey lines while an answer is awaited; a quick answer shows none. */
export function Loading({ lines = 6 }: { lines?: number }): VNode | null {
  const [isShown, show] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => show(true), SHOWN_AFTER_MS);
    return () => clearTimeout(timer);
  }, []);
  if (!isShown) return <div class="loading" aria-busy="true" />;
  return (
    <div class="loading" role="status" aria-busy="true">
      <span class="unseen">Loading</span>
      {Array.from({ length: lines }, (_, index) => (
        <i key={index} />
      ))}
    </div>
  );
}
