import { Hono } from "hono";

/** The least that a gateway on workerd can do: hand the request on and the answer back. */
const app = new Hono<{ Bindings: { UPSTREAM: string } }>();
app.post("/v1/chat/completions", async (c) => {
  const headers = { "content-type": "application/json" };
  const response = await fetch(`${c.env.UPSTREAM}/chat/completions`, { method: "POST", headers, body: c.req.raw.body });
  return new Response(response.body, response);
});

export default app;
