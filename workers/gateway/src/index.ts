export default { async fetch(r: Request, env: any) { return env.EU_BILLING.fetch(r) } };
