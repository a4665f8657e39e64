import { makeWorkerUtils, run as runWorker, runMigrations } from "graphile-worker";
import { chunks, handle, run, sendAtRate, url, waitForStart } from "./job.mjs";

// What https://worker.graphile.org/docs/performance measured its own best with.
const preset = {
  worker: {
    connectionString: url,
    concurrentJobs: 24,
    maxPoolSize: 25,
    localQueue: { size: 500 },
    completeJobBatchDelay: 0,
    failJobBatchDelay: 0,
  },
};

await run({
  prepare: () => runMigrations({ preset }),
  fill: async (count) => {
    const utils = await makeWorkerUtils({ connectionString: url });
    for (const orders of chunks(count)) {
      await utils.addJobs(orders.map((payload) => ({ identifier: "orders", payload })));
    }
    await utils.release();
  },
  send: async (count, rate) => {
    const utils = await makeWorkerUtils({ connectionString: url });
    await sendAtRate((order) => utils.addJob("orders", order), count, rate);
    await utils.release();
  },
  work: async () => {
    await waitForStart();
    const taskList = { orders: async (order) => handle(order.comment) };
    const runner = await runWorker({ preset, taskList });
    await runner.promise;
  },
});
