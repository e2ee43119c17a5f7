// Computes in a thread of its own, so that the page stays responsive.

import * as runtime from "../onnxruntime/ort.wasm.bundle.min.js";
import { Models } from "./models.js";

const here = (path) => new URL(path, import.meta.url).href;
// One thread: more would need headers that isolate the page, which few hosts send.
runtime.env.wasm.numThreads = 1;
runtime.env.wasm.wasmPaths = {
  wasm: here("../onnxruntime/ort-wasm-simd-threaded.wasm"),
};
const models = new Models(here("../models/"), runtime);

self.onmessage = async ({ data: { id, call, values } }) => {
  try {
    const result = await models[call](...values);
    self.postMessage({ id, result: call === "load" ? null : result });
  } catch (error) {
    const { message, advice, stack } = error;
    self.postMessage({ id, error: { message, advice, stack } });
  }
};
