// Keeps a journal of all that happens to runs, with NATS' own client and an ordered consumer of JetStream.
//
//   npm ci
//   node journal.mjs nats://127.0.0.1:4222 events.jsonl
//
// FLYTE_NATS_CREDS names a file of credentials (a JWT and its seed), or FLYTE_NATS_USER and FLYTE_NATS_PASSWORD say who
// we are. FLYTE_NATS_CA names the certificates of who vouches for the server, FLYTE_NATS_CERT and FLYTE_NATS_KEY our own
// certificate, where the server asks for one; all three are read for each connection anew. The client compares the
// server's name: write the one that its certificate is for, and not its address.
//
// Each event is a line of the journal, with its sequence; the last whole line is where the next start goes on. So what
// was made of an event and how far we are is one write: killed at any moment, it misses nothing and writes nothing
// twice.

import { existsSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { DeliverPolicy, jetstream } from "@nats-io/jetstream";
import { connect, credsAuthenticator, usernamePasswordAuthenticator } from "@nats-io/transport-node";

const [servers, path] = process.argv.slice(2);
if (!servers || !path) {
  console.error("usage: node journal.mjs NATS_URL JOURNAL");
  process.exit(2);
}

const { file, after } = open(path);
const client = await connect({ servers, authenticator: who(), tls: tls(), maxReconnectAttempts: -1 });
const consumer = await jetstream(client).consumers.get("FLYTE_RUNS", {
  filter_subjects: "flyte.run.>",
  deliver_policy: DeliverPolicy.StartSequence,
  opt_start_seq: after + 1,
});
console.log(`going on after ${after}`);
for await (const message of await consumer.consume()) {
  writeSync(file, `${JSON.stringify({ sequence: message.seq, event: eventOf(message) })}\n`);
}

// Who we are: a file of credentials is read for each connection, since it may have been written anew.
function who() {
  const { FLYTE_NATS_CREDS, FLYTE_NATS_USER, FLYTE_NATS_PASSWORD } = process.env;
  if (FLYTE_NATS_CREDS) {
    return (nonce) => credsAuthenticator(readFileSync(FLYTE_NATS_CREDS))(nonce);
  }
  return FLYTE_NATS_USER ? usernamePasswordAuthenticator(FLYTE_NATS_USER, FLYTE_NATS_PASSWORD) : undefined;
}

// Whom we trust, and our own certificate. With any of them no connection without TLS will do.
function tls() {
  const { FLYTE_NATS_CA: caFile, FLYTE_NATS_CERT: certFile, FLYTE_NATS_KEY: keyFile } = process.env;
  return caFile || certFile ? { caFile, certFile, keyFile } : undefined;
}

// The CloudEvent; null for what somebody else has put there.
function eventOf(message) {
  try {
    return message.json();
  } catch {
    return null;
  }
}

// The journal, ready to be written to, and the sequence of its last event. What was being written when we were
// killed is half a line: it is cut off, and its event comes again.
function open(path) {
  const text = existsSync(path) ? readFileSync(path, "utf8") : "";
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  const file = openSync(path, "a");
  ftruncateSync(file, Buffer.byteLength(whole));
  const lines = whole.trimEnd().split("\n");
  const last = lines[lines.length - 1];
  return { file, after: last ? JSON.parse(last).sequence : 0 };
}
