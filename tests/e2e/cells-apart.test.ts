import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import type { CellName } from "../../packages/cli/src/stack.ts";
import { aModel, aTenant, call, until } from "../support/client.ts";
import { bootTestStack } from "../support/stack.ts";

test("what belongs to a tenant in eu is in no file of cell us, nor the other way round", { timeout: 120_000 }, async () => {
  const state = mkdtempSync(join(tmpdir(), "weir-cells-"));
  const stack = await bootTestStack({ state });
  const marks: Record<CellName, string[]> = { eu: [], us: [] };
  try {
    for (const cell of ["eu", "us"] as const) {
      const mark = `MARK${cell.toUpperCase()}${crypto.randomUUID().replaceAll("-", "")}`;
      const tenant = await aTenant(stack, { cell, name: mark });
      await aModel(stack, tenant, `model-${mark}`, { upstream_model: "weir-chat" });
      const { key } = tenant;
      await call(stack, "PUT", "/privacy/v1/purposes/chat", { key, body: { basis: "contract" } });
      const notice = await call(stack, "POST", "/privacy/v1/notices", {
        key,
        body: { language: "en", text: `${mark} asks`, purposes: ["chat"], change: "material" },
      });
      await call(stack, "POST", "/privacy/v1/consents", {
        key,
        body: { subject: "ada", purposes: ["chat"], decision: "given", notice: notice.body.hash },
      });
      const answer = await call(stack, "POST", "/v1/chat/completions", {
        key,
        body: { model: `model-${mark}`, messages: [{ role: "user", content: "hello" }] },
      });
      expect(answer.status).toBe(200);
      const request = answer.headers.get("x-request-id") ?? "";
      await until(
        () => call(stack, "GET", `/compliance/v1/proofs/${request}`, { key }),
        ({ status }) => status === 200,
      );
      await until(
        () => call(stack, "GET", `/billing/v1/tenants/${tenant.id}/balance`, { key }),
        ({ body }) => body.spent !== "0",
      );
      marks[cell] = [mark, tenant.id, request];
    }
  } finally {
    await stack.stop();
  }
  const holding = { eu: filesWith(state, marks.eu), us: filesWith(state, marks.us) };
  rmSync(state, { recursive: true, force: true });
  // Each cell's own stores hold its marks, so that the search is known to find them: D1, and objects of three classes.
  expect(holding.eu.length).toBeGreaterThanOrEqual(4);
  expect(holding.us.length).toBeGreaterThanOrEqual(4);
  expect(holding.eu.filter((file) => holding.us.includes(file))).toEqual([]);
  expect(holding.eu.filter((file) => /-us\b|-us-/.test(file))).toEqual([]);
  expect(holding.us.filter((file) => /-eu\b|-eu-/.test(file))).toEqual([]);
});

/** The files below a folder that hold any of the marks: as they are, in base64 at any offset, in hex, or inside gzip. */
function filesWith(folder: string, marks: string[]): string[] {
  const needles = marks.flatMap((mark) => [mark, Buffer.from(mark).toString("hex"), ...base64Forms(mark)]).map((text) => Buffer.from(text));
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => statSync(join(folder, file)).isFile())
    .filter((file) => contentsOf(join(folder, file)).some((bytes) => needles.some((needle) => bytes.includes(needle))));
}

function contentsOf(file: string): Buffer[] {
  const bytes = readFileSync(file);
  try {
    return [bytes, gunzipSync(bytes)];
  } catch {
    return [bytes];
  }
}

/** Base64 of a text at the three offsets at which it can begin, without the characters that its neighbours share. */
function base64Forms(text: string): string[] {
  return [0, 1, 2].map((offset) => {
    const encoded = Buffer.concat([Buffer.alloc(offset), Buffer.from(text)])
      .toString("base64")
      .replace(/=+$/, "");
    return encoded.slice(offset === 0 ? 0 : offset + 1, -2);
  });
}
