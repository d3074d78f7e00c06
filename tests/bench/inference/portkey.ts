/** The Portkey gateway as its package starts it, in a process that ends with its parent: `portkey.ts --port=<port> --headless`. */
process.on("disconnect", () => process.exit());
await import(import.meta.resolve("@portkey-ai/gateway/build/start-server.js"));
process.send?.("started");
