import { eventKey } from "@weir/domain/compliance/commitment";
import { verifyEventProof, type EventProof } from "@weir/domain/compliance/event-proof";
import { leafHash } from "@weir/domain/compliance/hash";
import { inclusionPath } from "@weir/domain/compliance/merkle";
import { inclusionPathFromTiles } from "@weir/domain/compliance/tiles";
import { tilePath } from "@weir/domain/compliance/tile-path";
import { formatTlogProof } from "@weir/domain/compliance/tlog-proof";
import { toHex } from "@weir/domain/encoding/hex";
import { fromUtf8 } from "@weir/domain/encoding/utf8";
import type { LogBucket } from "./log-bucket.ts";
import type { FoundEvent } from "./pool.ts";

interface ProofParts {
  /** The commitment key of the tenant. It opens every leaf, so it leaves only as keys of single events. */
  key: Uint8Array;
  vkey: string;
  bucket: LogBucket;
  /** A checkpoint that covers the leaf, and its size. */
  head: { size: number; note: string };
  /** The commitments of the pack's events, in order. */
  commitments: (seq: number) => Uint8Array[];
}

/** The proof of an event whose leaf has its place in the log; undefined when the tiles in R2 do not yield one that verifies. */
export async function proveEvent(found: FoundEvent, index: number, parts: ProofParts): Promise<EventProof | undefined> {
  const { bucket, head, key } = parts;
  const path = await inclusionPathFromTiles(index, head.size, async (level, tile, width) => {
    return (await bucket.read(tilePath({ level, index: tile, width }))) ?? new Uint8Array();
  }).catch(() => undefined);
  if (!path) return undefined;
  const { id, salt, leaf, pack } = found;
  const proof: EventProof = {
    event: JSON.parse(found.body),
    leaf: fromUtf8(leaf.bytes) ?? "",
    index,
    tlog_proof: formatTlogProof({ index, path, checkpoint: head.note }),
    opening: { leaf_id: leaf.leafId, event_id: id, key: toHex(await eventKey({ key, eventId: id, salt })) },
    ...(pack ? { pack: await provePack(found.position, pack, parts.commitments(leaf.seq), key) } : {}),
  };
  const verdict = await verifyEventProof(proof, parts.vkey);
  return verdict.ok ? proof : undefined;
}

async function provePack(position: number, pack: NonNullable<FoundEvent["pack"]>, commitments: Uint8Array[], key: Uint8Array) {
  const path = await inclusionPath(position, await Promise.all(commitments.map(leafHash)));
  return {
    id: pack.id,
    root: pack.root,
    size: commitments.length,
    index: position,
    path: path.map(toHex),
    key: toHex(await eventKey({ key, eventId: pack.id, salt: pack.salt })),
  };
}
