// A notification endpoint of the usual kind: check the clientState, put a job on a BullMQ queue, answer 202.
// Redis runs with `appendfsync always`, so that the 202 means the same as ours.
import { timingSafeEqual } from "node:crypto";
import Fastify from "fastify";
import { Queue } from "bullmq";

const expected = Buffer.from(process.env.CLIENT_STATE);
const queue = new Queue("notifications", {
  connection: { host: "127.0.0.1", port: Number(process.env.REDIS_PORT) },
  defaultJobOptions: { removeOnComplete: true },
});
const server = Fastify({ logger: false });

server.post("/webhooks/microsoft/notifications", async (request, reply) => {
  for (const item of request.body.value) {
    const given = Buffer.from(item.clientState ?? "");
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) continue;
    await queue.add("notification", {
      subscriptionId: item.subscriptionId,
      changeType: item.changeType,
      id: item.resourceData.id,
    });
  }
  reply.code(202).send();
});

await server.listen({ host: "127.0.0.1", port: Number(process.env.PORT) });
