import { WorkerEntrypoint } from "cloudflare:workers";
import type { WeirEvent } from "@weir/events/catalogue";
import type { Env } from "../../workers/metering/src/env.ts";
import { Meter } from "../../workers/metering/src/meter.ts";

/** How many of the next batches are committed without the Meter hearing of it. */
let answersToLose = 0;

/** A Meter whose D1 answers get lost on demand, and whose alarm rings when it is told to. */
export class MeterUnderTest extends Meter {
  constructor(ctx: DurableObjectState, env: Env) {
    const batch = async <Row>(statements: D1PreparedStatement[]): Promise<D1Result<Row>[]> => {
      const results = await env.DB.batch<Row>(statements);
      if (answersToLose > 0) {
        answersToLose--;
        throw new Error("The answer was lost");
      }
      return results;
    };
    const DB: Pick<D1Database, "prepare" | "batch"> = { prepare: (sql) => env.DB.prepare(sql), batch };
    super(ctx, Object.assign(Object.create(env), { DB }));
  }

  async flush(): Promise<void> {
    await this.ctx.storage.deleteAlarm();
    await this.alarm();
    await this.ctx.storage.deleteAlarm();
  }
}

interface TestEnv {
  METER: DurableObjectNamespace<MeterUnderTest>;
}

type Step = { tenant: string } & (
  | { do: "ingest"; events: WeirEvent<"inference.completed">[] }
  | { do: "flush"; lost: number }
  | { do: "find"; request: string }
);

export default class extends WorkerEntrypoint<TestEnv> {
  override async fetch(request: Request): Promise<Response> {
    const step: Step = await request.json();
    const meter = this.env.METER.getByName(step.tenant);
    if (step.do === "find") return Response.json((await meter.find(step.request)) ?? null);
    if (step.do === "ingest") await meter.ingest(step.tenant, step.events);
    else {
      answersToLose = step.lost;
      await meter.flush();
      answersToLose = 0;
    }
    return Response.json(null);
  }
}
