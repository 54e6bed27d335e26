// Runs a Node.js handler against the Lambda Runtime API: async, callback and streaming handlers,
// from ES modules and CommonJS. Protocol: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html

import { existsSync } from "node:fs";
import { Agent, request } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { Writable } from "node:stream";
import { pathToFileURL } from "node:url";
import { format } from "node:util";

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new Agent({ keepAlive: true, maxSockets: 2 });
const STREAMED = Symbol("streamed");
const PRELUDE_TYPE = "application/vnd.awslambda.http-integration-response";
let requestId;

globalThis.awslambda = {
  streamifyResponse: (handler) => Object.assign(handler, { [STREAMED]: true }),
  HttpResponseStream: {
    from(stream, prelude) {
      stream.contentType = PRELUDE_TYPE;
      stream.write(JSON.stringify(prelude) + "\0".repeat(8));
      return stream;
    },
  },
};

function logLines() {
  const levels = { log: "INFO", info: "INFO", debug: "DEBUG", trace: "TRACE", warn: "WARN", error: "ERROR" };
  for (const [name, level] of Object.entries(levels)) {
    console[name] = (...values) => {
      const text = format(...values).replaceAll("\n", "\r");
      process.stdout.write(`${new Date().toISOString()}\t${requestId}\t${level}\t${text}\n`);
    };
  }
}

function open(method, path, headers, onResponse) {
  const options = { host, port, method, agent, headers, path: `/2018-06-01/runtime/${path}` };
  return request(options, onResponse);
}

function call(method, path, body, headers = {}) {
  return new Promise((resolve, reject) => {
    if (body !== undefined) headers["content-length"] = Buffer.byteLength(body);
    const sent = open(method, path, headers, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => resolve({ headers: response.headers, body: Buffer.concat(chunks) }));
    });
    sent.setNoDelay(true);
    sent.on("error", reject);
    sent.end(body);
  });
}

function describe(error) {
  if (!(error instanceof Error)) return { errorType: typeof error, errorMessage: String(error), trace: [] };
  return { errorType: error.name, errorMessage: error.message, trace: (error.stack ?? "").split("\n") };
}

function report(path, error) {
  const described = describe(error);
  console.error(error);
  const headers = { "lambda-runtime-function-error-type": described.errorType };
  return call("POST", path, JSON.stringify(described), headers);
}

function fault(errorType, message) {
  return Object.assign(new Error(message), { name: errorType });
}

async function load(specification) {
  const split = specification.lastIndexOf(".");
  const [module, name] = [specification.slice(0, split), specification.slice(split + 1)];
  const base = join(process.env.LAMBDA_TASK_ROOT, module);
  const file = ["", ".js", ".mjs", ".cjs"].map((suffix) => base + suffix).find((path) => existsSync(path));
  if (!file) throw fault("Runtime.ImportModuleError", `Error: Cannot find module '${module}'`);
  const loaded = file.endsWith(".cjs")
    ? createRequire(import.meta.url)(file)
    : await import(pathToFileURL(file));
  const handler = loaded[name] ?? loaded.default?.[name];
  if (typeof handler !== "function") {
    throw fault("Runtime.HandlerNotFound", `${specification} is undefined or not exported`);
  }
  return handler;
}

function contextOf(headers, done) {
  const deadline = Number(headers["lambda-runtime-deadline-ms"]);
  const clientContext = headers["lambda-runtime-client-context"];
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    awsRequestId: requestId,
    clientContext: clientContext && JSON.parse(clientContext),
    getRemainingTimeInMillis: () => deadline - Date.now(),
    done,
    succeed: (result) => done(null, result),
    fail: (error) => done(error ?? new Error("failed")),
  };
}

function answered(handler, event, headers) {
  return new Promise((resolve, reject) => {
    const done = (error, result) => (error ? reject(error) : resolve(result));
    const returned = handler(event, contextOf(headers, done), done);
    if (typeof returned?.then === "function") returned.then(resolve, reject);
    else if (returned !== undefined && handler.length < 3) resolve(returned);
  });
}

async function streamed(handler, event, headers) {
  let sent;
  const begin = () =>
    (sent ??= open("POST", `invocation/${requestId}/response`, {
      "lambda-runtime-function-response-mode": "streaming",
      "transfer-encoding": "chunked",
      "content-type": stream.contentType ?? "application/octet-stream",
      trailer: "lambda-runtime-function-error-type, lambda-runtime-function-error-body",
    }, (response) => response.resume()));
  const stream = new Writable({
    write: (chunk, encoding, next) => begin().write(chunk, encoding, next),
    final: (next) => next(),
  });
  stream.setContentType = (type) => (stream.contentType = type);
  try {
    await handler(event, stream, contextOf(headers, () => {}));
    if (!stream.writableFinished) await new Promise((resolve) => stream.end(resolve));
  } catch (error) {
    if (!sent) throw error;
    const { errorType, ...rest } = describe(error);
    console.error(error);
    const errorBody = Buffer.from(JSON.stringify({ errorType, ...rest })).toString("base64");
    sent.addTrailers({
      "lambda-runtime-function-error-type": errorType,
      "lambda-runtime-function-error-body": errorBody,
    });
  }
  const closed = new Promise((resolve) => begin().on("close", resolve));
  sent.end();
  await closed;
}

async function serve(handler) {
  for (;;) {
    const { headers, body } = await call("GET", "invocation/next");
    requestId = headers["lambda-runtime-aws-request-id"];
    process.env._X_AMZN_TRACE_ID = headers["lambda-runtime-trace-id"];
    try {
      const event = JSON.parse(body);
      if (handler[STREAMED]) {
        await streamed(handler, event, headers);
      } else {
        const result = await answered(handler, event, headers);
        await call("POST", `invocation/${requestId}/response`, JSON.stringify(result ?? null));
      }
    } catch (error) {
      await report(`invocation/${requestId}/error`, error);
    }
  }
}

logLines();
process.on("unhandledRejection", (error) => {
  console.error(error);
  process.exit(128);
});
let handler;
try {
  handler = await load(process.env._HANDLER);
} catch (error) {
  await report("init/error", error);
  process.exit(1);
}
await serve(handler);
