// The models of this folder, with the calls that the page makes of a server.

import { ApiError } from "../api.js";

export class LocalApi {
  /** @param names Names of models by app, where they differ. */
  constructor(names = {}) {
    this.names = names;
    this.models = {}; // app and size in bytes of each model, by the model's name
    this.cells = {}; // size in bytes of each app's cell.json, if the folder has it
    this.waiting = new Map(); // of calls without an answer, by number
    this.calls = 0;
  }

  /** What the page calls its place of computation. */
  get label() {
    return "this page";
  }

  /** Returns the name of an app's model: the chosen one, or one of the folder. */
  nameOf(app) {
    const own = Object.keys(this.models).filter((name) => this.models[name].app === app);
    return this.names[app] || own.find((name) => name === app) || own[0] || app;
  }

  /** Returns the set of those of `apps` that have a model in this folder. */
  async served(apps) {
    if (typeof WebAssembly !== "object") {
      throw new ApiError("This browser has no WebAssembly, which computes the models here.",
        "Use another browser, or allow WebAssembly in its settings.");
    }
    this.models = await this.call("list");
    const served = apps.filter((app) => this.models[this.nameOf(app)]?.app === app);
    this.cells = Object.fromEntries(served
      .map((app) => [app, this.models[this.nameOf(app)].cell?.bytes])
      .filter(([, bytes]) => bytes));
    return new Set(served);
  }

  /** Returns the content of cell.json of an app's model. */
  cell(app) {
    return this.call("cell", this.nameOf(app));
  }

  /** Returns the error for an app without a model. */
  absent(app) {
    return new ApiError(`The model ${this.nameOf(app)} is not in this folder.`,
      `\`make run APP=${app}\` trains and exports it. Then write the folder again with ` +
      "`python -m serving.static`.");
  }

  /** Returns what the page shows while `load` runs. */
  loading(app) {
    const { bytes } = this.models[this.nameOf(app)];
    return `Loading the model, ${(bytes / 1e6).toFixed(1)} MB …`;
  }

  /** Loads an app's model. */
  load(app) {
    return this.call("load", this.nameOf(app));
  }

  /** Returns the inputs and outputs of a signature, or null if there is none. */
  signature(app, signature) {
    return this.call("signature", this.nameOf(app), signature);
  }

  /** Calls a signature of a model; returns columns by output name. */
  async predict(app, signature, inputs, { signal } = {}) {
    signal?.throwIfAborted();
    const outputs = await this.call("predict", this.nameOf(app), signature, inputs);
    signal?.throwIfAborted();
    return outputs;
  }

  /** Calls a method of `Models` in the worker. */
  call(call, ...values) {
    this.worker ??= this.start();
    this.calls += 1;
    return new Promise((resolve, reject) => {
      this.waiting.set(this.calls, { resolve, reject });
      this.worker.postMessage({ id: this.calls, call, values });
    });
  }

  start() {
    const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    worker.onmessage = ({ data: { id, result, error } }) => {
      const { resolve, reject } = this.waiting.get(id);
      this.waiting.delete(id);
      if (!error) return resolve(result);
      return reject(error.advice === undefined
        ? Object.assign(new Error(error.message), { stack: error.stack })
        : new ApiError(error.message, error.advice));
    };
    worker.onerror = (event) => {
      event.preventDefault();
      for (const { reject } of this.waiting.values()) {
        reject(new ApiError("The part of this page that computes did not start" +
          `${event.message ? `: ${event.message}` : "."}`,
          "Reload the page. If that does not help, the folder is incomplete: write it " +
          "again with `python -m serving.static`."));
      }
      this.waiting.clear();
      this.worker = null;
    };
    return worker;
  }
}
