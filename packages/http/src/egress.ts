import { WeirError } from "@weir/domain/errors";
import type { CellEnv } from "./cell-env.ts";

export interface EgressOptions {
  /** Time until the response's headers, ms. */
  timeoutMs: number;
}

/**
 * The only way out of a cell by HTTP. Refuses what is not https, addresses instead of names, and private names: a tenant's
 * `base_url` must not reach what only this machine can reach (server-side request forgery). Redirects are not followed, since
 * each hop would have to be judged anew. In local use the operator may name origins on this machine in `EGRESS_ALLOW`.
 */
export async function egress(
  env: Pick<CellEnv, "ENVIRONMENT" | "EGRESS_ALLOW">,
  url: string,
  init: RequestInit,
  options: EgressOptions,
): Promise<Response> {
  const target = allowedUrl(env, url);
  const abort = new AbortController();
  const timer = setTimeout(
    () => abort.abort(new WeirError("upstream_timeout", `No answer within ${options.timeoutMs} ms.`)),
    options.timeoutMs,
  );
  const signal = init.signal ? AbortSignal.any([init.signal, abort.signal]) : abort.signal;
  try {
    const response = await fetch(target, { ...init, redirect: "manual", signal });
    if (response.status >= 300 && response.status < 400) {
      await response.body?.cancel();
      throw new WeirError("upstream_failed", "The provider answered with a redirect, which is not followed.");
    }
    return response;
  } catch (error) {
    if (error instanceof WeirError) throw error;
    if (abort.signal.aborted) throw new WeirError("upstream_timeout", `The provider did not answer within ${options.timeoutMs} ms.`);
    if (init.signal?.aborted) throw error;
    throw new WeirError("upstream_failed", "The provider cannot be reached.", { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

/** Judges a URL; returns it parsed, or throws `egress_refused` with the reason. */
export function allowedUrl(env: Pick<CellEnv, "ENVIRONMENT" | "EGRESS_ALLOW">, url: string): URL {
  const parsed = URL.parse(url);
  if (!parsed) throw refused("it is not a URL");
  if (env.ENVIRONMENT === "local" && env.EGRESS_ALLOW?.split(",").includes(parsed.origin)) return parsed;
  if (parsed.protocol !== "https:") throw refused("only https is allowed");
  if (parsed.username !== "" || parsed.password !== "") throw refused("credentials do not belong into a URL");
  const host = parsed.hostname.toLowerCase().replace(/\.+$/, "");
  // The URL parser has already turned decimal, octal and hexadecimal forms into dotted ones.
  if (host.startsWith("[") || /^[\d.]+$/.test(host)) throw refused("an IP address is not allowed, use a name");
  if (!host.includes(".")) throw refused("a name without a dot is private");
  if (PRIVATE_SUFFIXES.some((suffix) => `.${host}`.endsWith(suffix))) throw refused("the name is private");
  return parsed;
}

// RFC 6761, RFC 6762, RFC 8375, and names that resolvers answer with addresses of this machine.
const PRIVATE_SUFFIXES = [
  ".localhost",
  ".local",
  ".internal",
  ".home.arpa",
  ".lan",
  ".intranet",
  ".corp",
  ".home",
  ".test",
  ".invalid",
  ".onion",
  ".localtest.me",
  ".nip.io",
  ".sslip.io",
];

function refused(reason: string): WeirError {
  return new WeirError("egress_refused", `This address may not be called: ${reason}.`, { param: "base_url" });
}
