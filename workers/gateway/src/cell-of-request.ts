import { isCell, type Cell } from "@weir/domain/cells";
import { parseId } from "@weir/domain/ids";

export type CellOfRequest = { cell: Cell } | { refused: "cell_unknown" } | { refused: "cell_mismatch"; key: Cell; host: Cell };

/**
 * Which cell a request is for: the key says it, else an id in the path, else the host name. Only the key's prefix is read here;
 * whether the key is any good, the cell decides. A key of one cell on another cell's host is refused, and nothing is forwarded.
 */
export function cellOfRequest(authorization: string | null, url: URL, hosts: string | undefined): CellOfRequest {
  const key = cellInKey(authorization);
  const host = cellOfHost(url.hostname, hosts);
  if (key !== undefined && host !== undefined && key !== host) return { refused: "cell_mismatch", key, host };
  const cell = key ?? cellInPath(url.pathname) ?? host;
  return cell === undefined ? { refused: "cell_unknown" } : { cell };
}

/** `wk_eu_…` and subject tokens, `st_eu_…`. */
function cellInKey(authorization: string | null): Cell | undefined {
  const cell = /^Bearer +(?:wk|st)_([a-z]+)_/i.exec(authorization ?? "")?.[1];
  return isCell(cell) ? cell : undefined;
}

function cellInPath(pathname: string): Cell | undefined {
  for (const segment of pathname.split("/")) {
    const id = parseId(segment);
    if (id) return id.cell;
  }
  return undefined;
}

function cellOfHost(hostname: string, hosts: string | undefined): Cell | undefined {
  // `eu.example.com.` is the same name: with the dot, nobody gets past the comparison of host and key.
  const name = hostname.replace(/\.$/, "");
  for (const entry of (hosts ?? "").split(",")) {
    const [host, cell] = entry.trim().split("=");
    if (host === name && isCell(cell)) return cell;
  }
  return undefined;
}
