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

interface Command {
  status: "running" | "done" | "failed";
  outcome: SyncCounts | null;
  failure: string | null;
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

  /** Ends a connection; what was copied is kept. */
  disconnect(mailboxId?: string): Promise<{ mailbox_id: string; state: string }> {
    return this.#call("DELETE", "/integrations/microsoft/disconnect", { mailbox_id: mailboxId });
  }

  /** Waits for work that was answered with 202. */
  async #outcome(answer: SyncCounts | StillRunning): Promise<SyncCounts> {
    if (!("command_id" in answer)) return answer;
    for (;;) {
      const command = await this.#call<Command>("GET", `/mailboxes/${answer.mailbox_id}/commands/${answer.command_id}`);
      if (command.status === "done" && command.outcome) return command.outcome;
      if (command.status === "failed") throw new Error(command.failure ?? "the work failed");
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }

  async #call<T>(method: string, path: string, query: Record<string, string | number | undefined> = {}, body?: unknown): Promise<T> {
    const url = new URL(this.#base + path);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const answer = await fetch(url, {
      method,
      headers: { Authorization: `Bearer ${this.#key}`, "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    if (!answer.ok) {
      const retryAfter = answer.headers.get("Retry-After");
      throw new GraphMirrorError((await answer.json()) as Problem, retryAfter === null ? undefined : Number(retryAfter));
    }
    return (await answer.json()) as T;
  }
}
