// Goes through the API once: GRAPH_MIRROR_KEY=… node examples/typescript/tour.ts
import { GraphMirror, GraphMirrorError } from "./graph-mirror.ts";

const key = process.env.GRAPH_MIRROR_KEY;
if (!key) throw new Error("set GRAPH_MIRROR_KEY to a key from `graph-mirror keys api create`");

const mirror = new GraphMirror(process.env.GRAPH_MIRROR_URL ?? "http://127.0.0.1:8080", key);

const { auth_url } = await mirror.authUrl();
console.log(`to connect a mailbox, open ${new URL(auth_url).origin}…`);

try {
  await mirror.callback({ code: "made up", state: "made up" });
} catch (error) {
  if (!(error instanceof GraphMirrorError)) throw error;
  console.log(`a sign-in that nobody began is refused: ${error.problem.code}. ${error.problem.hint}`);
}

for (const mailbox of await mirror.mailboxes()) {
  if (mailbox.state !== "connected") {
    console.log(`${mailbox.address}: ${mailbox.advice ?? mailbox.state} (${mailbox.actor} must act)`);
    continue;
  }
  const { progress, push, lag } = await mirror.mailbox(mailbox.id);
  console.log(`${mailbox.address}: ${progress.messages} of ${progress.messages_expected} messages, ${progress.events} events`);
  console.log(`  notifications ${push.healthy ? "arrive" : `do not arrive: ${push.reason}`}; ${lag.seconds ?? "?"} seconds behind`);

  const messages = await mirror.syncMessages({ max_results: 20, mailbox_id: mailbox.id });
  const events = await mirror.syncEvents({ max_results: 20, mailbox_id: mailbox.id });
  console.log(`  looked at ${messages.unchanged + messages.created + messages.updated} messages and ${events.unchanged + events.created + events.updated} events`);
}
