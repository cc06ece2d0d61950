// A client of graph-mirror's API. No dependencies; runs as it is with Node 22.18 or later, and in browsers once its types are taken away.

/** A refusal: decide on `code`, show `detail` and `hint` to people. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  code: string;
  detail: string;
  hint: string;
  mailbox_id?: string;
  reason?: string;
  microsoft_code?: string;
  /** Where the person adds the permission that lacks, with `consent_missing`. */
  consent_url?: string;
  errors?: { parameter: string; detail: string }[];
}

/** A refusal, thrown. */
export class GraphMirrorError extends Error {
  readonly problem: Problem;
  /** Seconds after which trying again makes sense, when the answer says so. */
  readonly retryAfter: number | undefined;

  constructor(problem: Problem, retryAfter: number | undefined) {
    super(`${problem.code}: ${problem.detail}`);
    this.problem = problem;
    this.retryAfter = retryAfter;
  }
}

export interface Mailbox {
  /** The key of its rows: `mailbox_id` in every table. */
  id: string;
  address: string;
  display_name: string | null;
  state: "connected" | "needs_reauth" | "suspended" | "disconnected";
  state_reason: string | null;
  advice: string | null;
  actor: "person" | "administrator" | "operator" | "nobody" | null;
  state_since: string;
  connected_at: string;
  backfilled_at: string | null;
  synced_at: string | null;
  position: number;
}

export interface MailboxDetail extends Mailbox {
  progress: { messages: number; messages_expected: number; events: number; rounds_complete: number; rounds_total: number };
  push: { healthy: boolean; reason: string | null; noticed_at: string | null };
  lag: { seconds: number | null; waiting: number; oldest_waiting_seconds: number | null; quarantined: number };
}

export interface SyncCounts {
  created: number;
  updated: number;
  unchanged: number;
  deleted: number;
}

interface StillRunning {
  mailbox_id: string;
  command_id: string;
  status: "running";
}

interface Command<Outcome> {
  command_id: string;
  mailbox_id: string;
  status: "running" | "done" | "failed";
  /** Microsoft's immutable id of what a write made or changed: `external_id` of its row. */
  graph_id: string | null;
  outcome: Outcome | null;
  failure: string | null;
  failure_code: string | null;
}

/** What came of a write: done, or it is thrown. */
export type Written = Command<{ id?: string; change_key?: string }>;

/** Work that was taken and failed, thrown: decide on `code`. After `outcome_unknown` look into the mailbox before you ask again. */
export class CommandFailed extends Error {
  readonly code: string | null;
  readonly commandId: string;

  constructor(command: Command<unknown>) {
    super(command.failure ?? "the work failed");
    this.code = command.failure_code;
    this.commandId = command.command_id;
  }
}

export interface Person {
  address: string;
  name?: string;
}

export interface Text {
  type: "text" | "html";
  content: string;
}

/** A message; [the reference](../../docs/reference/endpoints.md) has the rest of its members. */
export interface NewMessage {
  subject?: string;
  body?: Text;
  to?: Person[];
  cc?: Person[];
  bcc?: Person[];
  attachments?: ({ upload_id: string } | { name: string; content_type?: string; content_base64: string })[];
  draft?: boolean;
}

/** An answer: the text stands above what is answered. */
export interface Answer {
  body?: Text;
  quote?: boolean;
  draft?: boolean;
}

/** A wall clock with a zone, such as `Europe/Vienna`. */
export interface Moment {
  date_time: string;
  time_zone: string;
}

/** An event; whoever it names is invited. */
export interface NewEvent {
  subject?: string;
  body?: Text;
  start: Moment;
  end: Moment;
  location?: string;
  attendees?: (Person & { type?: "required" | "optional" | "resource" })[];
}

export class GraphMirror {
  readonly #base: string;
  readonly #key: string;

  constructor(base: string, key: string) {
    this.#base = `${base.replace(/\/$/, "")}/api/v1`;
    this.#key = key;
  }

  /** Where the person's browser must go. */
  authUrl(loginHint?: string): Promise<{ auth_url: string; state: string }> {
    return this.#call("GET", "/integrations/microsoft/auth-url", { login_hint: loginHint });
  }

  /** Completes a sign-in with what came to your own redirect address. */
  callback(came: { code?: string; state: string; error?: string; error_description?: string }): Promise<{ mailbox: Mailbox; is_new: boolean }> {
    return this.#call("POST", "/integrations/microsoft/callback", {}, came);
  }

  /** The mailboxes of the key's owner. */
  async mailboxes(): Promise<Mailbox[]> {
    const answer = await this.#call<{ mailboxes: Mailbox[] }>("GET", "/mailboxes");
    return answer.mailboxes;
  }

  /** Everything that is known of one. */
  mailbox(id: string): Promise<MailboxDetail> {
    return this.#call("GET", `/mailboxes/${id}`);
  }

  /** Looks at the latest messages now, and waits for the outcome however long it takes. */
  async syncMessages(options: { max_results?: number; since_date?: string; mailbox_id?: string } = {}): Promise<SyncCounts> {
    return this.#outcome(await this.#call("POST", "/integrations/microsoft/sync/outlook", options));
  }

  /** The same for events that overlap a range. */
  async syncEvents(options: { max_results?: number; start_time?: string; end_time?: string; mailbox_id?: string } = {}): Promise<SyncCounts> {
    return this.#outcome(await this.#call("POST", "/integrations/microsoft/sync/calendar", options));
  }

  /** Sends a message once, however often it is asked for with this key, and waits for the outcome. */
  send(mailboxId: string, message: NewMessage, key: string): Promise<Written> {
    return this.#write(mailboxId, "/messages", message, key);
  }

  /** Answers whoever sent a message. */
  reply(mailboxId: string, messageId: string, answer: Answer, key: string): Promise<Written> {
    return this.#write(mailboxId, `/messages/${encodeURIComponent(messageId)}/reply`, answer, key);
  }

  /** Makes an event, and invites whoever it names. */
  createEvent(mailboxId: string, event: NewEvent, key: string): Promise<Written> {
    return this.#write(mailboxId, "/events", event, key);
  }

  /** Calls a meeting off, and says so to everybody. */
  cancelEvent(mailboxId: string, eventId: string, comment: string, key: string): Promise<Written> {
    return this.#write(mailboxId, `/events/${encodeURIComponent(eventId)}/cancel`, { comment }, key);
  }

  /** Ends a connection; what was copied is kept. */
  disconnect(mailboxId?: string): Promise<{ mailbox_id: string; state: string }> {
    return this.#call("DELETE", "/integrations/microsoft/disconnect", { mailbox_id: mailboxId });
  }

  /** Asks for a write, and waits for its outcome however long it takes. A request whose answer was lost is sent again: with its key it is the same command. */
  async #write(mailboxId: string, path: string, wanted: unknown, key: string): Promise<Written> {
    const ask = () => this.#call<Written>("POST", `/mailboxes/${mailboxId}${path}`, { wait: 30 }, wanted, key);
    const taken = await ask().catch((error) => {
      if (error instanceof GraphMirrorError) throw error;
      return ask();
    });
    return this.#ended(taken);
  }

  /** Waits for work that was answered with 202. */
  async #outcome(answer: SyncCounts | StillRunning): Promise<SyncCounts> {
    if (!("command_id" in answer)) return answer;
    const { outcome } = await this.#ended<SyncCounts>({ ...answer, graph_id: null, outcome: null, failure: null, failure_code: null });
    if (!outcome) throw new Error("the work has no outcome");
    return outcome;
  }

  /** Waits until a command has ended. */
  async #ended<Outcome>(command: Command<Outcome>): Promise<Command<Outcome>> {
    while (command.status === "running") {
      await new Promise((resolve) => setTimeout(resolve, 1000));
      command = await this.#call("GET", `/mailboxes/${command.mailbox_id}/commands/${command.command_id}`);
    }
    if (command.status === "failed") throw new CommandFailed(command);
    return command;
  }

  async #call<T>(method: string, path: string, query: Record<string, string | number | undefined> = {}, body?: unknown, key?: string): Promise<T> {
    const url = new URL(this.#base + path);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const answer = await fetch(url, {
      method,
      headers: { Authorization: `Bearer ${this.#key}`, "Content-Type": "application/json", ...(key && { "Idempotency-Key": key }) },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    if (!answer.ok) {
      const retryAfter = answer.headers.get("Retry-After");
      throw new GraphMirrorError((await answer.json()) as Problem, retryAfter === null ? undefined : Number(retryAfter));
    }
    return (await answer.json()) as T;
  }
}
