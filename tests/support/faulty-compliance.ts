import { Log as RealLog } from "../../workers/compliance/src/log.ts";
import type { Env } from "../../workers/compliance/src/env.ts";
import type { Step } from "../../workers/compliance/src/sequencer.ts";

export { default } from "../../workers/compliance/src/index.ts";

/**
 * The compliance worker with a log that fails where a test says. Faults are taken in order, each once: the name of a step, at which
 * the round breaks off; `put lost <part>`, a write that R2 refuses; `put unheard <part>`, one that R2 does and nobody hears of;
 * `put garbled <part>`, one that arrives altered. `<part>` is part of the key. Nothing of this is in the worker that is deployed.
 */
export class Log extends RealLog {
  #faults: string[] = [];

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, {
      ...env,
      BUCKET: faultyBucket(env.BUCKET, (kind, key) =>
        this.#take((fault) => fault.startsWith(`${kind} `) && key.includes(fault.slice(kind.length + 1))),
      ),
    });
  }

  async failAt(faults: string[]): Promise<void> {
    this.#faults = faults;
  }

  async faultsLeft(): Promise<string[]> {
    return this.#faults;
  }

  /** A round now; one that fails is a line in the log, as ever. */
  async sequenceNow(): Promise<void> {
    await this.alarm();
  }

  /** What a crash does: memory is gone, the disk stays. */
  async forget(): Promise<void> {
    this.ctx.abort("A test makes this object crash");
  }

  protected override onStep(step: Step): void {
    if (this.#take((fault) => fault === step)) throw new Error(`A test makes the step "${step}" fail`);
  }

  #take(matches: (fault: string) => boolean): boolean {
    const [next, ...later] = this.#faults;
    if (next === undefined || !matches(next)) return false;
    this.#faults = later;
    return true;
  }
}

type PutFault = "put lost" | "put unheard" | "put garbled";

function faultyBucket(bucket: R2Bucket, take: (kind: PutFault, key: string) => boolean): R2Bucket {
  const put = async (key: string, value: Uint8Array | string, options?: R2PutOptions) => {
    if (take("put lost", key)) throw new Error("R2 refused the write");
    if (take("put garbled", key)) return bucket.put(key, typeof value === "string" ? `${value}!` : value.map((byte) => byte ^ 1), options);
    const stored = await bucket.put(key, value, options);
    if (take("put unheard", key)) throw new Error("R2 did not answer");
    return stored;
  };
  return new Proxy(bucket, {
    get: (target, name) => (name === "put" ? put : name === "get" ? (key: string) => target.get(key) : Reflect.get(target, name)),
  });
}
