import { beforeAll, describe, expect, test } from "vitest";
import { toHex } from "../encoding/hex.ts";
import { fromUtf8 } from "../encoding/utf8.ts";
import { auditLeaf, newLeafId } from "./audit-leaf.ts";
import { signCheckpoint } from "./checkpoint.ts";
import { commit, eventKey, newEventSalt } from "./commitment.ts";
import { packPayload, verifyEventProof, type EventProof } from "./event-proof.ts";
import { leafHash } from "./hash.ts";
import { inclusionPath, treeRoot } from "./merkle.ts";
import { noteSigner, type NoteSigner } from "./note.ts";
import { someHashes } from "./some-leaves.ts";
import { formatTlogProof } from "./tlog-proof.ts";

const key = new Uint8Array(32).fill(3);
let signer: NoteSigner;
beforeAll(async () => {
  signer = await noteSigner("weir.test/audit/t1", new Uint8Array(32).fill(7));
});

async function aLeaf(commitment: Uint8Array) {
  const leafId = newLeafId();
  const bytes = auditLeaf({ leafId, type: "key.revoked", timeMs: 0, policy: "", commitment });
  const hashes = [...someHashes(4), await leafHash(bytes), ...someHashes(2)];
  const checkpoint = await signCheckpoint({ origin: signer.name, size: 7, root: await treeRoot(hashes) }, [signer]);
  return {
    leaf_id: leafId,
    leaf: fromUtf8(bytes) ?? "",
    tlog_proof: formatTlogProof({ index: 4, path: await inclusionPath(4, hashes), checkpoint }),
  };
}

async function opened(id: string) {
  const event = { id, data: { key: id } };
  const salt = newEventSalt();
  return {
    event,
    commitment: await commit({ key, eventId: id, salt, payload: event }),
    key: toHex(await eventKey({ key, eventId: id, salt })),
  };
}

async function aSingleProof(): Promise<EventProof> {
  const { event, commitment, key } = await opened("evt_1");
  const { leaf_id, leaf, tlog_proof } = await aLeaf(commitment);
  return { event, leaf, index: 4, tlog_proof, opening: { leaf_id, event_id: "evt_1", key } };
}

async function aPackedProof(): Promise<EventProof> {
  const events = await Promise.all(["evt_0", "evt_1", "evt_2"].map(opened));
  const hashes = await Promise.all(events.map(({ commitment }) => leafHash(commitment)));
  const facts = { id: "msg_1", size: 3, root: toHex(await treeRoot(hashes)) };
  const salt = newEventSalt();
  const { leaf_id, leaf, tlog_proof } = await aLeaf(await commit({ key, eventId: "msg_1", salt, payload: packPayload(facts) }));
  const pack = {
    ...facts,
    index: 1,
    path: (await inclusionPath(1, hashes)).map(toHex),
    key: toHex(await eventKey({ key, eventId: "msg_1", salt })),
  };
  const [, own] = events;
  return { event: own?.event ?? {}, leaf, index: 4, tlog_proof, opening: { leaf_id, event_id: "evt_1", key: own?.key ?? "" }, pack };
}

describe.each([
  ["alone in its leaf", aSingleProof],
  ["in a pack", aPackedProof],
])("the proof of an event %s", (_, aProof) => {
  test("verifies with the log's key alone", async () => {
    expect(await verifyEventProof(await aProof(), signer.vkey)).toMatchObject({ ok: true, index: 4, checkpoint: { size: 7 } });
  });

  test("fails when anything in it is changed", async () => {
    const proof = await aProof();
    const other = await aProof();
    const { opening, pack } = proof;
    const changed: EventProof[] = [
      { ...proof, event: { ...proof.event, data: {} } },
      { ...proof, event: { ...proof.event, id: "evt_2" } },
      { ...proof, index: 3 },
      { ...proof, leaf: other.leaf },
      { ...proof, leaf: proof.leaf.replace("key.revoked", "key.created") },
      { ...proof, tlog_proof: proof.tlog_proof.replace("index 4", "index 5") },
      { ...proof, opening: { ...opening, key: other.opening.key } },
      { ...proof, opening: { ...opening, key: opening.key.slice(2) } },
      { ...proof, opening: { ...opening, leaf_id: other.opening.leaf_id } },
      { ...proof, opening: { ...opening, event_id: "evt_2" } },
      ...(pack
        ? [
            { ...proof, pack: { ...pack, index: 0 } },
            { ...proof, pack: { ...pack, size: 2 } },
            { ...proof, pack: { ...pack, id: "msg_2" } },
            { ...proof, pack: { ...pack, path: pack.path.toReversed() } },
            { ...proof, pack: { ...pack, path: ["", ...pack.path.slice(1)] } },
            { ...proof, pack: { ...pack, root: "zz" } },
            { ...proof, pack: { ...pack, key: opening.key } },
          ]
        : []),
    ];
    for (const attempt of changed) expect(await verifyEventProof(attempt, signer.vkey)).toMatchObject({ ok: false });
  });

  test("fails with the key of another log of the same name", async () => {
    const other = await noteSigner(signer.name, new Uint8Array(32).fill(8));
    expect(await verifyEventProof(await aProof(), other.vkey)).toEqual({ ok: false, reason: "log_signature_missing" });
  });
});
