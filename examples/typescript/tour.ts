// Goes through the API once: GRAPH_MIRROR_KEY=… node examples/typescript/tour.ts
// It writes only to whom it is told: GRAPH_MIRROR_WRITE_TO=ben@contoso.example
import { CommandFailed, GraphMirror, GraphMirrorError } from "./graph-mirror.ts";

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

const address = process.env.GRAPH_MIRROR_WRITE_TO;
const writer = (await mirror.mailboxes()).find((mailbox) => mailbox.state === "connected");
if (address && writer) {
  try {
    await write(writer.id, { address });
  } catch (error) {
    if (error instanceof CommandFailed) throw new Error(`a write failed with ${error.code}: ${error.message}`);
    if (!(error instanceof GraphMirrorError) || !error.problem.consent_url) throw error;
    console.log(`${error.problem.detail}; the person adds it at ${new URL(error.problem.consent_url).origin}…`);
  }
}

/** A letter and its answer, a meeting and its end. In your application the key is the id of the row that the write belongs to. */
async function write(mailbox: string, to: { address: string }): Promise<void> {
  const key = crypto.randomUUID();
  const letter = { subject: "Your contract", body: { type: "text" as const, content: "Please sign." }, to: [to] };

  const sent = await mirror.send(mailbox, letter, `letter-${key}`);
  const again = await mirror.send(mailbox, letter, `letter-${key}`);
  if (!sent.graph_id || sent.command_id !== again.command_id) throw new Error("the same key is the same command, and tells what it sent");
  console.log(`asked for twice and sent once, as ${sent.graph_id.slice(0, 12)}…`);

  const answer = { body: { type: "text" as const, content: "One thing more." } };
  const replied = await mirror.reply(mailbox, sent.graph_id, answer, `reply-${key}`);
  console.log(`replied: ${replied.status}`);

  const at = (time: string) => ({ date_time: `2030-12-02T${time}`, time_zone: "Europe/Vienna" });
  const meeting = { subject: "Signing", start: at("09:30:00"), end: at("10:00:00"), attendees: [to] };
  const made = await mirror.createEvent(mailbox, meeting, `meeting-${key}`);
  if (!made.graph_id) throw new Error("an event has an id");
  console.log(`invited: ${made.status}`);
  const cancelled = await mirror.cancelEvent(mailbox, made.graph_id, "Another day.", `meeting-off-${key}`);
  console.log(`called off: ${cancelled.status}`);
}
