import { PgBoss } from "pg-boss";
import { chunks, handle, run, sendAtRate, url, waitForStart } from "./job.mjs";

const queue = "orders";

async function open(options = {}) {
  const boss = new PgBoss({ connectionString: url, ...options });
  boss.on("error", (error) => console.error(error));
  await boss.start();
  return boss;
}

await run({
  prepare: async () => {
    const boss = await open();
    await boss.createQueue(queue, { notify: true });
    await boss.stop();
  },
  fill: async (count) => {
    const boss = await open();
    for (const orders of chunks(count)) {
      await boss.insert(queue, orders.map((data) => ({ data })));
    }
    await boss.stop();
  },
  send: async (count, rate) => {
    const boss = await open();
    await sendAtRate((order) => boss.send(queue, order), count, rate);
    await boss.stop();
  },
  work: async () => {
    await waitForStart();
    const boss = await open({ useListenNotify: true });
    const options = { batchSize: 500, burstWhenBatchFull: true, localConcurrency: 2 };
    await boss.work(queue, options, async (jobs) => {
      for (const job of jobs) handle(job.data.comment);
    });
    process.on("SIGTERM", () => boss.stop().then(() => process.exit(0)));
  },
});
