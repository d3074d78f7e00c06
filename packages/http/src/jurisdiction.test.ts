import { describe, expect, test } from "vitest";
import { CELLS } from "@weir/domain/cells";
import { objectInCell } from "./jurisdiction.ts";

/** Writes down what it is asked for; a jurisdiction is a namespace of its own. */
function aNamespace(asked: string[]): DurableObjectNamespace {
  const namespace = {
    jurisdiction: (place: string) => aNamespace([...recorded(asked, `jurisdiction ${place}`)]),
    getByName: (name: string) => recorded(asked, `object ${name}`),
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the two members that are used
  return namespace as unknown as DurableObjectNamespace;
}

function recorded(asked: string[], what: string): string[] {
  asked.push(what);
  return asked;
}

describe.each(CELLS)("an object of the cell %s", (cell) => {
  test("lies within the cell's jurisdiction in production", () => {
    const asked: string[] = [];
    expect(objectInCell(aNamespace(asked), { CELL: cell, ENVIRONMENT: "production" }, "t_1")).toEqual([
      `jurisdiction ${cell}`,
      "object t_1",
    ]);
    expect(asked).toEqual([`jurisdiction ${cell}`]);
  });

  test("lies in the cell's own namespace locally, where there are no jurisdictions", () => {
    const asked: string[] = [];
    objectInCell(aNamespace(asked), { CELL: cell, ENVIRONMENT: "local" }, "t_1");
    expect(asked).toEqual(["object t_1"]);
  });
});
