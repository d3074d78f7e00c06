import { signCheckpoint } from "@weir/domain/compliance/checkpoint";
import type { NoteSigner } from "@weir/domain/compliance/note";
import { WeirError } from "@weir/domain/errors";
import { toUtf8 } from "@weir/domain/encoding/utf8";
import type { LogBucket } from "./log-bucket.ts";
import type { Pool } from "./pool.ts";
import { grow, readRightEdge, type RightEdge } from "./right-edge.ts";
import type { LogFile, TreeHead, TreeState } from "./tree-state.ts";

/** Far below what a round may hold in memory, and more than arrives in a second. */
const MAX_LEAVES_PER_ROUND = 2_560;

/** The points of a round between which a crash, or a failed write, must leave the log as it was or as it was to be. */
export const STEPS = [
  "hashed",
  "signed",
  "staged",
  "swapped",
  "committed",
  "file written",
  "files written",
  "checkpoint written",
  "archived",
  "cleared",
] as const;
export type Step = (typeof STEPS)[number];

interface Parts {
  storage: DurableObjectStorage;
  pool: Pool;
  tree: TreeState;
  bucket: LogBucket;
  signer: NoteSigner;
  /** Called at each step. */
  onStep: (step: Step) => void;
}

/** What the log knows of R2 from the last round. */
interface Position {
  edge: RightEdge;
  etag: string | undefined;
}

/**
 * Turns waiting leaves into a longer log. The order of the steps is what keeps it from forking: the signed checkpoint, the files under
 * it and the places of the leaves become the log's state in one transaction; only then is R2 told, files first, checkpoint last; and
 * what R2 was not told is told again before anything else is signed. A log that finds R2 other than it left it signs nothing more.
 */
export class Sequencer {
  readonly #parts: Parts;
  #position: Position | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** One round. When it returns, R2 has a checkpoint over every leaf that waited before, up to the limit. */
  async round(): Promise<void> {
    try {
      const position = this.#position ?? (await this.#load());
      this.#position = await this.#advance(position);
    } catch (error) {
      // What has become of the round is not known: read everything anew before the next one.
      this.#position = undefined;
      throw error;
    }
  }

  async #advance({ edge, etag }: Position): Promise<Position> {
    const { pool, tree, signer, storage, onStep } = this.#parts;
    const waiting = pool.waiting(MAX_LEAVES_PER_ROUND);
    if (waiting.length === 0) return { edge, etag };
    const head = tree.read();
    const grown = await grow(
      head.size,
      edge,
      waiting.map(({ bytes }) => bytes),
    );
    onStep("hashed");
    const note = await signCheckpoint({ origin: signer.name, size: grown.size, root: grown.root }, [signer]);
    onStep("signed");
    storage.transactionSync(() => {
      tree.stage(grown.files);
      onStep("staged");
      if (!tree.swap(head, { size: grown.size, root: grown.root, note })) throw new Error("The head of the log has moved meanwhile");
      pool.place(waiting, head.size);
      onStep("swapped");
    });
    onStep("committed");
    return { edge: grown.edge, etag: await this.#publish(grown.files, { size: grown.size, note }, etag) };
  }

  /** Tells R2 what is committed. Repeating it writes the same bytes to the same places. */
  async #publish(
    files: readonly LogFile[],
    { size, note }: Pick<TreeHead, "size"> & { note: string },
    etag: string | undefined,
  ): Promise<string> {
    const { bucket, onStep } = this.#parts;
    await Promise.all(
      files.map(async (file) => {
        await bucket.write(file);
        onStep("file written");
      }),
    );
    onStep("files written");
    const written = await bucket.writeCheckpoint(note, etag);
    onStep("checkpoint written");
    await this.#archive(size, note);
    return written;
  }

  async #archive(size: number, note: string): Promise<void> {
    const { bucket, tree, onStep } = this.#parts;
    await bucket.write({ path: `/checkpoints/${size}`, bytes: toUtf8(note) });
    onStep("archived");
    tree.clear();
    onStep("cleared");
  }

  /** Finishes what was begun, and reads the edge. Throws when R2 holds anything but what this log put there last. */
  async #load(): Promise<Position> {
    const { bucket, tree } = this.#parts;
    const { published, ...head } = tree.read();
    const found = await bucket.checkpoint();
    let etag = found.etag;
    if (found.note !== head.note) {
      // Behind by the round that is staged: tell it again. Behind by more, ahead, or of another tree: never sign on top of that.
      if (head.note === null || found.note !== published) throw halted("R2 holds a checkpoint that is not the last one of this log");
      const files = tree.staged();
      if (!files) throw halted("files of a committed checkpoint are missing");
      etag = await this.#publish(files, { size: head.size, note: head.note }, etag);
    } else if (head.note !== null && published !== head.note) {
      await this.#archive(head.size, head.note);
    }
    const edge = await readRightEdge(head, (path) => bucket.read(path));
    if (!edge) throw halted("the tiles or entries in R2 do not hash to the last checkpoint");
    return { edge, etag };
  }
}

/** The log stays as it is until storage agrees with it again: leaves wait, nothing is signed. */
function halted(reason: string): WeirError {
  return new WeirError("unavailable", `The audit log has halted: ${reason}.`);
}
