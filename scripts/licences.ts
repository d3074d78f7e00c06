import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { ROOT } from "./run.ts";

/** Licences that may be combined with Apache-2.0 without conditions beyond attribution. */
const ALLOWED = new Set(["MIT", "Apache-2.0", "ISC", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "BlueOak-1.0.0", "CC0-1.0", "Unlicense"]);

const entry = z.object({
  license: z.string().optional(),
  dev: z.boolean().optional(),
  devOptional: z.boolean().optional(),
  link: z.boolean().optional(),
});
const lockFile = z.object({ packages: z.record(z.string(), entry) });

/** Production dependencies, direct and transitive, whose licence is not on the list. */
export async function foreignLicences(): Promise<{ problems: string[]; packages: number }> {
  const lock = lockFile.parse(JSON.parse(await readFile(join(ROOT, "package-lock.json"), "utf8")));
  const problems: string[] = [];
  let packages = 0;
  for (const [path, found] of Object.entries(lock.packages)) {
    if (!path.includes("node_modules/") || found.dev || found.devOptional || found.link) continue;
    packages += 1;
    const licence = found.license ?? (await licenceInPackage(path));
    if (!isAllowed(licence)) problems.push(`${path.replace(/^.*node_modules\//, "")}: ${licence}`);
  }
  return { problems, packages };
}

/** Reads SPDX expressions as far as they occur: `A`, `(A OR B)`, `A AND B`. */
export function isAllowed(expression: string): boolean {
  const plain = expression.replace(/[()]/g, "").trim();
  if (plain.includes(" OR ")) return plain.split(" OR ").some(isAllowed);
  return plain.split(" AND ").every((licence) => ALLOWED.has(licence.trim()));
}

async function licenceInPackage(path: string): Promise<string> {
  const manifest = z.object({ license: z.string().optional() }).parse(JSON.parse(await readFile(join(ROOT, path, "package.json"), "utf8")));
  return manifest.license ?? "no licence stated";
}
