/** What stands where nobody is signed in: what to type. */

import type { VNode } from "preact";
import { Frame, useTitle } from "../parts/frame";
import { Command, Empty } from "../parts/states";

export function SignInPage({ problem }: { problem: string | null }): VNode {
  useTitle("Sign in");
  return (
    <Frame place={null} page={null}>
      <main id="main" class="page">
        <h1 class="unseen">Sign in</h1>
        <Empty title={problem ?? "You are not signed in"}>
          <p>In a terminal that can reach this stack, type:</p>
          <Command>flyte console</Command>
          <p>It opens this console, signed in. This page goes on by itself then.</p>
        </Empty>
      </main>
    </Frame>
  );
}
