/** Calls a running Weir over HTTP with a key; throws with the answer's own words when it refuses. */
export interface Api {
  get<Answer>(path: string): Promise<Answer>;
  send<Answer>(method: "POST" | "PUT", path: string, body: unknown, headers?: Record<string, string>): Promise<Answer>;
}

export function apiOf(url: string, key: string): Api {
  const request = async <Answer>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> => {
    const response = await fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${key}`, ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${await response.text()}`);
    return (await response.json()) as Answer;
  };
  return { get: (path) => request("GET", path), send: (method, path, body, headers) => request(method, path, body, headers) };
}

/** Asks again until the answer is there. */
export async function eventually<Answer>(ask: () => Promise<Answer | undefined>, what: string, timeoutMs = 30_000): Promise<Answer> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > end) throw new Error(`${what} did not show up within ${timeoutMs / 1000} seconds`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
