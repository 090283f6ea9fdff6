// Lets a test speak with @kintone/rest-api-client. Each line of standard input is a list of calls that are made at
// once, [{ options, call, params }]; each line of standard output is the list of what came of them, in that order:
// { value } or { error }. The folder that holds node_modules is the argument.
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";

const require = createRequire(join(process.argv[2], "package.json"));
const { KintoneRestAPIClient, KintoneRestAPIError, KintoneAllRecordsError } = require("@kintone/rest-api-client");

// "record.addRecords" is the method addRecords of the client's part `record`.
function made({ options, call, params }) {
  const names = call.split(".");
  const method = names.pop();
  const owner = names.reduce((part, name) => part[name], new KintoneRestAPIClient(options));
  return owner[method](withBytes(params));
}

// JSON has no bytes: a file goes in as { name, base64 } and comes out as { base64 }.
function withBytes(params) {
  if (params?.file?.base64 === undefined) return params;
  return { file: { name: params.file.name, data: Buffer.from(params.file.base64, "base64") } };
}

function shown(value) {
  return Buffer.isBuffer(value) ? { base64: value.toString("base64") } : value;
}

function told(error) {
  if (error instanceof KintoneAllRecordsError) {
    const { message, errorIndex, numOfProcessedRecords, numOfAllRecords, processedRecordsResult } = error;
    const counts = { numOfProcessedRecords, numOfAllRecords, numOfUnprocessed: error.unprocessedRecords.length };
    return { class: "KintoneAllRecordsError", message, errorIndex, ...counts, processedRecordsResult, error: told(error.error) };
  }
  if (error instanceof KintoneRestAPIError) {
    const { message, code, status, id, errors, headers, bulkRequestIndex } = error;
    return { class: "KintoneRestAPIError", message, code, status, id, errors, headers: { ...headers }, bulkRequestIndex };
  }
  return { class: error.constructor.name, message: error.message, code: error.code };
}

for await (const line of createInterface({ input: process.stdin })) {
  const outcomes = await Promise.allSettled(JSON.parse(line).map(async (each) => shown(await made(each))));
  const lines = outcomes.map(({ value, reason }) => (reason === undefined ? { value: value ?? null } : { error: told(reason) }));
  process.stdout.write(JSON.stringify(lines) + "\n");
}
