// openai-node, OpenAI's own client for JavaScript; run in the folder that has it in node_modules.

import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(`${process.cwd()}/`);
const { default: OpenAI } = await import(pathToFileURL(require.resolve("openai")).href);

const place = JSON.parse(process.argv[2]);
const messages = [{ role: "user", content: "締切は?" }];
const tools = [
  {
    type: "function",
    function: {
      name: "weather",
      parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
    },
  },
];
const schema = {
  type: "object",
  properties: { answer: { type: "string", enum: ["yes", "no"] }, sure: { type: "boolean" } },
  required: ["answer", "sure"],
  additionalProperties: false,
};
const numRetries = 6;

function client(base, key = "key", maxRetries = 0) {
  return new OpenAI({ baseURL: base, apiKey: place[key], maxRetries, timeout: 60_000 });
}

function request(changes) {
  return { model: place.text, messages, max_tokens: 8, temperature: 0, ...changes };
}

function ask(base, changes = {}, key = "key", maxRetries = 0) {
  return client(base, key, maxRetries).chat.completions.create(request(changes));
}

function check(holds, said) {
  if (!holds) throw new Error(typeof said === "string" ? said : JSON.stringify(said));
}

async function raises(kind, promise) {
  let answer;
  try {
    answer = await promise;
  } catch (error) {
    check(error.constructor === kind, `${error.constructor.name}, not ${kind.name}: ${error}`);
    return error;
  }
  throw new Error(`no ${kind.name}, but ${JSON.stringify(answer)}`);
}

function checkCall(call) {
  check(call.function.name === "weather", call);
  check(JSON.parse(call.function.arguments).city === "東京", call);
}

async function readAll(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

const behaviours = {
  async chat(base) {
    const completion = await ask(base);
    const [choice] = completion.choices;
    check(completion.model === place.text && choice.message.content, completion);
    check(["stop", "length"].includes(choice.finish_reason), completion);
    check(completion.usage.completion_tokens > 0, completion);
    check(completion._request_id === completion.id, completion);
  },

  async stream_with_usage(base) {
    const whole = (await ask(base)).choices[0].message.content;
    const options = { stream: true, stream_options: { include_usage: true } };
    const chunks = await readAll(await ask(base, options));
    const said = chunks.map((one) => one.choices[0]?.delta.content ?? "").join("");
    check(said === whole, `${said}, not ${whole}`);
    check(chunks.filter((one) => one.usage).length === 1, "no usage");
  },

  async stop(base) {
    const whole = (await ask(base)).choices[0].message.content;
    const word = [...whole][Math.floor([...whole].length / 2)];
    const [choice] = (await ask(base, { stop: word })).choices;
    check(choice.message.content === whole.split(word)[0], choice);
    check(choice.finish_reason === "stop", choice);
  },

  async tools(base) {
    const able = { model: place.tools, tools };
    const [choice] = (await ask(base, able)).choices;
    check(choice.finish_reason === "tool_calls", choice);
    const [call] = choice.message.tool_calls;
    checkCall(call);
    const result = { role: "tool", tool_call_id: call.id, content: "晴れ" };
    const answer = await ask(base, { ...able, messages: [...messages, choice.message, result] });
    check(answer.choices[0].message.content, answer);
  },

  async tools_streamed(base) {
    const stream = client(base).chat.completions.stream(request({ model: place.tools, tools }));
    const [choice] = (await stream.finalChatCompletion()).choices;
    checkCall(choice.message.tool_calls[0]);
  },

  async tools_refused_by_name(base) {
    const error = await raises(OpenAI.BadRequestError, ask(base, { tools }));
    check(error.code === "unsupported_parameter" && error.param === "tools", error);
  },

  async json_schema(base) {
    const format = { type: "json_schema", json_schema: { name: "verdict", schema, strict: true } };
    const completion = await client(base).chat.completions.parse(
      request({ response_format: format, max_tokens: 60 }),
    );
    const verdict = JSON.parse(completion.choices[0].message.content);
    check(Object.keys(verdict).sort().join() === "answer,sure", verdict);
    check(["yes", "no"].includes(verdict.answer) && typeof verdict.sure === "boolean", verdict);
  },

  async embeddings(base) {
    // It asks for base64 by itself.
    const asked = { model: place.vectors, input: ["経費", "旅費"] };
    const { data } = await client(base).embeddings.create(asked);
    const floats = await client(base).embeddings.create({ ...asked, encoding_format: "float" });
    check(data.length === 2 && data[0].embedding.length === place.dimensions, data.length);
    for (const [row, one] of data.entries()) {
      one.embedding.forEach((value, column) => {
        check(Math.abs(value - floats.data[row].embedding[column]) < 1e-6, [row, column]);
      });
    }
  },

  async broken_stream(base) {
    const asked = { model: place.tools, messages: [{ role: "user", content: "break off" }] };
    const stream = await ask(base, { ...asked, stream: true });
    await raises(OpenAI.APIError, readAll(stream));
  },

  async unknown_model(base) {
    const error = await raises(OpenAI.NotFoundError, ask(base, { model: "gpt-5" }));
    check(error.code === "model_not_found" && error.param === "model", error);
  },

  async invalid_request(base) {
    const error = await raises(OpenAI.BadRequestError, ask(base, { messages: [] }));
    check(error.code === "empty_array" && error.param === "messages", error);
    check(error.requestID, error);
  },

  async invalid_key(base) {
    const error = await raises(OpenAI.PermissionDeniedError, ask(base, {}, "nobodys_key"));
    check(error.code === "invalid_api_key", error);
  },

  async model_not_allowed(base) {
    const error = await raises(OpenAI.PermissionDeniedError, ask(base, {}, "narrow_key"));
    check(error.code === "model_not_allowed", error);
  },

  async quota_is_not_retried(base) {
    const error = await raises(OpenAI.RateLimitError, ask(base, {}, "poor_key", 2));
    check(error.code === "insufficient_quota", error);
  },

  async throttled_is_retried(base) {
    for (let number = 0; number < 3; number += 1) {
      check((await ask(base, {}, "slow_key", numRetries)).choices.length, number);
    }
  },

  async not_ready_is_retried(base) {
    const asked = ask(base, { model: place.unreleased }, "key", 1);
    const error = await raises(OpenAI.InternalServerError, asked);
    check(error.status === 503 && error.code === "model_not_ready", error);
  },
};

const wanted = process.argv.slice(3);
for (const name of wanted.length ? wanted : Object.keys(behaviours)) {
  let wrong = "";
  try {
    await behaviours[name](place.base.replace("NAME", name));
  } catch (error) {
    // Whatever it raises, it has raised: the others are asked all the same.
    wrong = `${error.constructor.name}: ${error.message}`.slice(0, 500);
  }
  console.log(JSON.stringify({ behaviour: name, wrong }));
}
