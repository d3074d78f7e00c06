import { CELLS } from "@weir/domain/cells";
import { ID_PREFIXES, newId, type IdKind } from "@weir/domain/ids";
import { newKey, OPERATOR } from "@weir/domain/keys";
import { describe, expect, test } from "vitest";
import { cellOfRequest } from "./cell-of-request.ts";

const HOSTS = "eu.example.com=eu, us.example.com=us,broken,odd.example.com=xx";
const KINDS = Object.keys(ID_PREFIXES).filter((kind): kind is IdKind => Object.hasOwn(ID_PREFIXES, kind));
const bearer = (cell: "eu" | "us") => `Bearer ${newKey(cell, OPERATOR).key}`;
const at = (url: string, authorization: string | null = null, hosts: string | undefined = HOSTS) =>
  cellOfRequest(authorization, new URL(url), hosts);

describe.each(CELLS)("the cell %s", (cell) => {
  const other = cell === "eu" ? "us" : "eu";

  test("is said by the key first, whatever ids are in the path", () => {
    expect(at(`https://example.com/billing/v1/tenants/${newId("tenant", other)}`, bearer(cell))).toEqual({ cell });
  });

  test("is said by a subject's token as by a key", () => {
    expect(at("https://example.com/privacy/v1/consents", `Bearer st_${cell}_abc`)).toEqual({ cell });
  });

  test.each(KINDS)("is said by the id of a %s in the path, where there is no key", (kind) => {
    expect(at(`https://example.com/x/v1/things/${newId(kind, cell)}/more`)).toEqual({ cell });
    expect(at(`https://${other}.example.com/x/v1/things/${newId(kind, cell)}`)).toEqual({ cell });
  });

  test.each(["", ".", ":8443"])("is said by the host name last, also with %j behind it", (behind) => {
    expect(at(`https://${cell}.example.com${behind}/v1/models`)).toEqual({ cell });
    expect(at(`https://${cell.toUpperCase()}.EXAMPLE.COM${behind}/v1/models`)).toEqual({ cell });
  });

  test.each(["", "."])("refuses a key of another cell on its host, also with %j behind it", (behind) => {
    expect(at(`https://${cell}.example.com${behind}/v1/models`, bearer(other))).toEqual({
      refused: "cell_mismatch",
      key: other,
      host: cell,
    });
  });

  test("takes its own key on its own host", () => {
    expect(at(`https://${cell}.example.com/v1/models`, bearer(cell))).toEqual({ cell });
  });
});

describe("no cell is known", () => {
  test.each([
    ["without anything that names one", "https://example.com/v1/models", null],
    ["by a key of a cell that does not exist", "https://example.com/v1/models", "Bearer wk_xx_abc"],
    ["by another scheme", "https://example.com/v1/models", `Basic ${btoa("wk_eu_abc:")}`],
    ["by a key in the wrong place", "https://example.com/v1/wk_eu_abc", null],
    ["by an id in the query", `https://example.com/v1/models?id=${newId("tenant", "eu")}`, null],
    ["by half an id", "https://example.com/billing/v1/tenants/t_eu_abc", null],
    ["by a host that only ends like one of a cell", "https://x.eu.example.com/v1/models", null],
    ["by a host whose cell does not exist", "https://odd.example.com/v1/models", null],
    ["by a property that every object has", "https://constructor/v1/__proto__", "Bearer wk_constructor_abc"],
  ])("%s", (_, url, authorization) => {
    expect(at(url, authorization)).toEqual({ refused: "cell_unknown" });
  });

  test("where no host names are configured", () => {
    expect(cellOfRequest(null, new URL("https://eu.example.com/v1/models"), undefined)).toEqual({ refused: "cell_unknown" });
  });
});
