// Loads the models of a folder and answers calls of their signatures.

import { ApiError } from "../api.js";
import { signatures as languageModeling } from "./language_modeling.js";
import { signatures as questionAnswering } from "./question_answering.js";
import { signatures as sentiment } from "./sentiment.js";
import { signatures as speechCommands } from "./speech_commands.js";
import { signatures as summarization } from "./summarization.js";
import { tensor } from "./tensors.js";
import { Vocabulary } from "./text.js";

const APPS = {
  language_modeling: languageModeling, question_answering: questionAnswering, sentiment,
  speech_commands: speechCommands, summarization,
};
const FORMAT = 1; // of model.json, the only one that this page reads
export const LIST = "models.json"; // in their folder: app, size and cell by name
const NEWEST = { cache: "no-cache" }; // the browser asks the host for a newer file
const AGAIN = "Write the folder again with `python -m serving.static`, and copy all of it " +
  "to the host.";

export class Models {
  /**
   * @param folder URL of the folder of the models; it ends with "/".
   * @param runtime The module of onnxruntime-web.
   */
  constructor(folder, runtime) {
    this.folder = folder;
    this.runtime = runtime;
    this.loaded = new Map(); // promises of signatures by name
  }

  /** Returns the app and the size in bytes of each model, by the model's name. */
  async list() {
    return this.json(LIST);
  }

  /** Loads a model, unless it is loaded. */
  load(name) {
    if (!this.loaded.has(name)) {
      const loading = this.read(name);
      this.loaded.set(name, loading);
      loading.catch(() => this.loaded.delete(name)); // the next call tries again
    }
    return this.loaded.get(name);
  }

  /** Returns the inputs and outputs of a signature, or null if there is none. */
  async signature(name, signature) {
    const { inputs, outputs = [] } = (await this.load(name))[signature] ?? {};
    return inputs ? {
      inputs: Object.fromEntries(Object.entries(inputs).map(([key, shape]) =>
        [key, { shape }])),
      outputs: Object.fromEntries(outputs.map((key) => [key, {}])),
    } : null;
  }

  /** Calls a signature: takes columns by input name, returns columns by output name. */
  async predict(name, signature, inputs) {
    return (await this.load(name))[signature].call(inputs);
  }

  /** Returns the content of cell.json of a model. */
  async cell(name) {
    const { cell } = (await this.list())[name];
    const bytes = await this.exported(`${encodeURIComponent(name)}/cell.json`, cell.sha256);
    return JSON.parse(new TextDecoder().decode(bytes));
  }

  async read(name) {
    const at = `${encodeURIComponent(name)}/`;
    const description = await this.json(`${at}model.json`);
    if (description.format !== FORMAT) {
      throw new ApiError(`${at}model.json: expected format ${FORMAT}. Received: ` +
        `${description.format}.`, `Reload the page. ${AGAIN}`);
    }
    const texts = {};
    for (const [file, sha256] of Object.entries(description.files)) {
      texts[file] = new TextDecoder().decode(await this.exported(at + file, sha256));
    }
    const sessions = {};
    for (const [graph, { file, sha256 }] of Object.entries(description.graphs)) {
      const bytes = await this.exported(at + file, sha256);
      sessions[graph] = await this.session(bytes, at + file);
    }
    return APPS[description.app]({
      ...description,
      vocabulary: texts["vocabulary.txt"] && new Vocabulary(texts["vocabulary.txt"]),
      labels: texts["labels.txt"]?.replace(/\n+$/, "").split("\n"),
      run: (graph, inputs, record = false) =>
        this.run(sessions[graph], description.graphs[graph], inputs, record),
    });
  }

  /** Returns the newest JSON file of a path. */
  async json(path) {
    const text = new TextDecoder().decode(await this.file(path, "", NEWEST));
    try {
      return JSON.parse(text);
    } catch {
      throw new ApiError(`${path}: not valid JSON.`, AGAIN);
    }
  }

  /**
   * Returns the bytes of a file that model.json or models.json names.
   * Its address has the file's hash, so that a browser never takes the file of another
   * model from its cache. Only secure contexts (https, localhost) can check the bytes.
   */
  async exported(path, sha256) {
    const bytes = await this.file(path, `?${sha256.slice(0, 12)}`);
    const digest = await globalThis.crypto?.subtle?.digest("SHA-256", bytes);
    const hex = digest && Array.from(new Uint8Array(digest),
      (byte) => byte.toString(16).padStart(2, "0")).join("");
    if (hex && hex !== sha256) {
      throw new ApiError(`${path}: not the file that was exported; its SHA-256 ` +
        "differs.", `Reload the page. ${AGAIN}`);
    }
    return bytes;
  }

  /** Returns the bytes of a file of the folder. */
  async file(path, query = "", options = {}) {
    let response = null, bytes = null;
    try {
      response = await fetch(new URL(path + query, this.folder), options);
      bytes = new Uint8Array(await response.arrayBuffer());
    } catch {
      throw new ApiError(`${path} could not be loaded: the connection is lost.`,
        "Try again when this page's host can be reached.");
    }
    if (!response.ok) {
      throw new ApiError(`${path} could not be loaded (${response.status}).`, AGAIN);
    }
    return bytes;
  }

  /** Returns the session of a graph. */
  async session(bytes, path) {
    try {
      return await this.runtime.InferenceSession.create(bytes,
        { executionProviders: ["wasm"], logSeverityLevel: 3 });
    } catch (error) {
      const reason = String(error?.message ?? error).slice(0, 300);
      throw new ApiError(`ONNX Runtime could not load ${path}: ${reason}`,
        `If this browser is older than 2023, use a newer one: its WebAssembly may lack ` +
        `SIMD. ${AGAIN}`);
    }
  }

  /**
   * Runs a graph.
   * @param inputs Arrays of tensors.js by name.
   * @param record Whether to compute the gates, if the graph has LSTMs.
   */
  async run(session, graph, inputs, record) {
    const given = { ...inputs };
    if (graph.inputs.record) given.record = tensor("bool", [record], []);
    const outputs = await session.run(Object.fromEntries(Object.entries(given).map(
      ([name, { type, data, dims }]) => [name, new this.runtime.Tensor(type, data, dims)])));
    return Object.fromEntries(Object.entries(outputs).map(([name, { type, data, dims }]) =>
      [name, { type, data, dims }]));
  }
}
