import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";
export class Gate extends DurableObject { async ping(){ return 1 } }
export class Meter extends DurableObject {}
export class Log extends DurableObject {}
export class Wallet extends WorkerEntrypoint {}
export default { async fetch(r: Request, env: any) { return Response.json({ cell: env.CELL, keys: Object.keys(env), gate: env.GATE ? await env.GATE.getByName("x").ping() : 0, country: (r as any).cf?.country }) }, async queue(b){ }, async scheduled(){} };
