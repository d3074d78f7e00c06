import { equalBytes } from "@weir/domain/encoding/bytes";
import { toUtf8 } from "@weir/domain/encoding/utf8";
import type { LogFile } from "./tree-state.ts";

const CHECKPOINT = "/checkpoint";

/** The checkpoint as R2 has it. The etag names this very write: the next one replaces it and no other. */
export interface PublishedCheckpoint {
  note: string | null;
  etag: string | undefined;
}

/** R2 key of a file of a log: `audit/log_eu_…/tile/0/000`. */
export function bucketKey(log: string, path: string): string {
  return `audit/${log}${path}`;
}

/** The published side of one log. Errors of R2 pass through; what was written is read back before it counts as written. */
export class LogBucket {
  readonly #bucket: R2Bucket;
  readonly #log: string;

  constructor(bucket: R2Bucket, log: string) {
    this.#bucket = bucket;
    this.#log = log;
  }

  async read(path: string): Promise<Uint8Array | undefined> {
    const object = await this.#bucket.get(bucketKey(this.#log, path));
    return object ? new Uint8Array(await object.arrayBuffer()) : undefined;
  }

  async checkpoint(): Promise<PublishedCheckpoint> {
    const object = await this.#bucket.get(bucketKey(this.#log, CHECKPOINT));
    return object ? { note: await object.text(), etag: object.etag } : { note: null, etag: undefined };
  }

  async write({ path, bytes }: LogFile): Promise<void> {
    await this.#bucket.put(bucketKey(this.#log, path), bytes);
    await this.#requireStored(path, bytes);
  }

  /** Replaces the checkpoint that `etag` names; throws when R2 has another one by now. Returns the new one's etag. */
  async writeCheckpoint(note: string, etag: string | undefined): Promise<string> {
    const onlyIf = etag === undefined ? { etagDoesNotMatch: "*" } : { etagMatches: etag };
    const stored = await this.#bucket.put(bucketKey(this.#log, CHECKPOINT), note, { onlyIf });
    if (!stored) throw new Error("R2 has another checkpoint than the one to be replaced");
    await this.#requireStored(CHECKPOINT, toUtf8(note));
    return stored.etag;
  }

  async #requireStored(path: string, bytes: Uint8Array): Promise<void> {
    const stored = await this.read(path);
    if (!stored || !equalBytes(stored, bytes)) throw new Error(`R2 does not give back what was written to ${path}`);
  }
}
