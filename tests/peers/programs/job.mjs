// What job.py is, for Node.
import { appendFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

export const url = process.env.PEERS_URL;
const order = JSON.parse(process.env.PEERS_ORDER);
const sent = "sent ";
const chunk = 1000;
let started = false;

export function* chunks(count) {
  for (let start = 0; start < count; start += chunk) {
    const size = Math.min(chunk, count - start);
    yield Array.from({ length: size }, (_, i) => ({ ...order, id: start + i + 1 }));
  }
}

export function handle(comment) {
  if (comment.startsWith(sent)) {
    mark(`waited ${process.hrtime.bigint() - BigInt(comment.slice(sent.length))}`);
  } else if (!started) {
    started = true;
    mark(`started ${process.hrtime.bigint()}`);
  }
}

export async function waitForStart() {
  console.log("ready");
  const lines = createInterface({ input: process.stdin });
  await lines[Symbol.asyncIterator]().next();
  lines.close();
}

export async function sendAtRate(send, count, rate) {
  const begin = performance.now();
  for (let number = 0; number < count; number++) {
    await sleep(Math.max(0, begin + (number * 1000) / rate - performance.now()));
    const comment = `${sent}${process.hrtime.bigint()}`;
    await send({ ...order, id: number + 1, comment });
  }
}

export async function run(roles) {
  const [role, ...values] = process.argv.slice(2);
  await roles[role](...values.map(Number));
}

function mark(line) {
  appendFileSync(process.env.PEERS_MARKS, `${line}\n`);
}
