import { newEvent } from "../../packages/events/src/catalogue.ts";
import { consumeDeadLetters, replayDeadLetter } from "../../packages/events/src/dead-letter.ts";
import { consumeInbox } from "../../packages/events/src/inbox.ts";
import { outboxStatements, sendOutbox } from "../../packages/events/src/outbox.ts";
import type { InboxBindings } from "../../packages/events/src/workers.ts";
import { effectStatements } from "./effects.ts";

interface Env extends InboxBindings {
  DB: D1Database;
}

/** Sends as billing, receives as inference. Events of the tenant `t_unlucky` fail until the table `mended` has a row. */
export default {
  async fetch(request, env) {
    const [, action, argument = ""] = new URL(request.url).pathname.split("/");
    if (action === "replay") return Response.json(await replayDeadLetter(env, argument, Date.now()));
    const now = Date.now();
    const data = { transaction: "grant_1", kind: "prepaid", amount: "100", currency: "USD" };
    const event = newEvent("credit.changed", { id: `evt_${argument}`, tenant: argument, now, data });
    await env.DB.batch(outboxStatements(env.DB, "billing", argument, [event], now));
    return Response.json(await sendOutbox(env, "billing", argument, now));
  },
  async queue(batch, env) {
    const db = env.DB;
    if (batch.queue === "inference-dead") return consumeDeadLetters(batch, db, "inference", Date.now());
    await consumeInbox(batch, {
      db,
      worker: "inference",
      now: Date.now(),
      async handle(events) {
        const mended = await db.prepare("SELECT 1 FROM mended").first();
        if (!mended && events.some((event) => event.subject === "t_unlucky")) throw new Error("Out of luck");
        return effectStatements(db, "inference", events);
      },
    });
  },
} satisfies ExportedHandler<Env>;
