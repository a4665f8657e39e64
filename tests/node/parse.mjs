// Reads an AsyncAPI document from stdin, prints what the official parser says of it as JSON.
import { createRequire } from "node:module";
import { join } from "node:path";
import { text } from "node:stream/consumers";

const require = createRequire(join(process.argv[2], "package.json"));
const { Parser } = require("@asyncapi/parser");
const { document, diagnostics } = await new Parser().parse(await text(process.stdin));
const problems = diagnostics.filter(({ severity }) => severity < 2);
const found = problems.map(({ message, path }) => `${path.join("/")}: ${message}`);
const channels = document?.channels().all() ?? [];
const messages = channels.flatMap((channel) => channel.messages().all());
console.log(JSON.stringify({
  problems: found,
  channels: channels.map((channel) => channel.address()),
  operations: document?.operations().all().length ?? 0,
  examples: messages.map((message) => message.examples().all().length),
}));
