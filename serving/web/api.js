// TensorFlow Serving's REST API, and in words what went wrong with it.

const TIMEOUT_MS = 120_000;

/** What went wrong, and what to do about it; both are for people. */
export class ApiError extends Error {
  constructor(message, advice, status = 0) {
    super(message);
    this.advice = advice;
    this.status = status;
  }
}

/** Parses JSON in which NaN and Infinity may stand bare, as TensorFlow Serving has it. */
export function parse(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    // A string comes first in the pattern, so that what it holds stays as it is.
    const marked = text.replace(
      /"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g,
      (found) => (found[0] === '"' ? found : `"\\u0000${found}"`),
    );
    if (marked === text) throw error;
    return JSON.parse(marked, (key, value) =>
      typeof value === "string" && value[0] === "\0" ? Number(value.slice(1)) : value);
  }
}

/** What makes a model and serves it. */
export function commands(model) {
  return `\`make run APP=${model}\` trains and exports it, \`make serve\` serves it.`;
}

export class Api {
  /** @param server Address of a server, or "" for the one that gave this page. */
  constructor(server) {
    this.use(server);
  }

  use(server) {
    this.server = server.replace(/\/+$/, "");
    this.known = new Map(); // metadata by model
  }

  get name() {
    return this.server || location.origin;
  }

  /** Returns which of `names` are served, a set. */
  async served(names) {
    try {
      const { models } = await this.request("v1/models");
      if (Array.isArray(models)) return new Set(models);
    } catch (error) {
      if (!error.status) throw error; // else it is a server that has no such list
    }
    const found = await Promise.all(names.map((name) => this.isServed(name)));
    return new Set(names.filter((name, n) => found[n]));
  }

  async isServed(name) {
    try {
      const { model_version_status: versions } = await this.request(
        `v1/models/${name}`, { model: name });
      return (versions ?? []).some((version) => version.state === "AVAILABLE");
    } catch (error) {
      if (error.status >= 400 && error.status < 500) return false;
      throw error;
    }
  }

  /** Returns the inputs and outputs of a signature: {name: {dtype, shape}}. */
  async signature(model, name, signal) {
    if (!this.known.has(model)) {
      const answer = await this.request(`v1/models/${model}/metadata`,
        { model, signal });
      this.known.set(model, answer.metadata?.signature_def?.signature_def ?? {});
    }
    const found = this.known.get(model)[name];
    if (!found) return null;
    const specs = (side) => Object.fromEntries(
      Object.entries(found[side] ?? {}).map(([key, { dtype, tensor_shape: shape }]) =>
        [key, { dtype, shape: (shape?.dim ?? []).map((dim) => Number(dim.size)) }]));
    return { inputs: specs("inputs"), outputs: specs("outputs") };
  }

  /**
   * Asks a model.
   * @param inputs Columns by the names of the inputs.
   * @param options signal: an AbortSignal; only: the name of an output that is the
   *     single one and so comes without its name.
   * @returns Columns by the names of the outputs.
   */
  async predict(model, signature, inputs, { signal, only } = {}) {
    const body = JSON.stringify({ signature_name: signature, inputs });
    const { outputs } = await this.request(`v1/models/${model}:predict`,
      { model, signal, body });
    if (only && outputs !== undefined) {
      return only in Object(outputs) ? outputs : { [only]: outputs };
    }
    if (!outputs || typeof outputs !== "object") {
      throw new ApiError(`${this.name} answered without outputs.`,
        "Is this the address of a server of models?");
    }
    return outputs;
  }

  async request(path, { model, signal, body } = {}) {
    signal?.throwIfAborted();
    const controller = new AbortController();
    const stop = () => controller.abort();
    signal?.addEventListener("abort", stop);
    let late = false;
    const timer = setTimeout(() => { late = true; stop(); }, TIMEOUT_MS);
    try {
      // Without a header that says JSON, so that no browser asks another server for
      // leave first: a question that TensorFlow Serving does not know.
      const answer = await fetch(this.server ? `${this.server}/${path}` : path, {
        method: body === undefined ? "GET" : "POST", body, signal: controller.signal,
        credentials: "omit", cache: "no-store",
      });
      return this.read(answer.status, await answer.text(), model);
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof ApiError) throw error;
      throw late ? this.tooLate() : this.unreachable();
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
    }
  }

  read(status, text, model) {
    let content = null;
    try {
      content = parse(text);
    } catch {
      if (status < 400) {
        throw new ApiError(`${this.name} answered with something that is not JSON.`,
          "Is this the address of a server of models? See “Server” above.");
      }
    }
    if (status < 400) return content ?? {};
    const said = String(content?.error ?? text).trim().slice(0, 600);
    throw this.refused(status, said, model);
  }

  refused(status, said, model) {
    const words = said ? ` It says: ${said}` : "";
    if (status === 404 && model) {
      return new ApiError(`The model ${model} is not served (404).${words}`,
        commands(model), status);
    }
    if (status === 503 || status === 429) {
      return new ApiError(`The server is busy, or not ready yet (${status}).${words}`,
        "Wait a moment and try again.", status);
    }
    if (status >= 500) {
      return new ApiError(`The server failed (${status}).${words}`,
        "Try again; if it stays so, the server's terminal says more.", status);
    }
    if (/signature/i.test(said) && model) {
      return new ApiError(`The served model lacks what this needs.${words}`,
        stale(model), status);
    }
    return new ApiError(`The server refused the request (${status}).${words}`,
      "Change the input or the settings and try again.", status);
  }

  tooLate() {
    return new ApiError(`No answer from ${this.name} in ${TIMEOUT_MS / 1000} seconds.`,
      "Try again with a shorter input, or when the server has less to do.");
  }

  unreachable() {
    const elsewhere = this.server && this.server !== location.origin;
    return new ApiError(
      `No answer from ${this.name}.`,
      elsewhere
        ? "Either nothing runs there (see “Server” above), or it does not let other " +
          "pages read its answers: start TensorFlow Serving with " +
          "`--rest_api_enable_cors_support=true`, our own server with `--cors`."
        : "The server has stopped, or the connection is lost. Start it with " +
          "`make serve`, then try again.");
  }
}

/** What to do about a model that was exported before the page's signatures. */
export function stale(model) {
  return "It was exported by an earlier version of this project. Remove the directory " +
    `\`export\` in its run directory (\`runs/${model}/…\`), then ` +
    `\`python -m experiments.${model} export\` writes it anew.`;
}

/** Returns nested lists of zeros; a dimension of any size has none, the batch one. */
export function zeros([size, ...rest], first = true) {
  const length = size < 0 ? Number(first) : size;
  return Array.from({ length }, () => (rest.length ? zeros(rest, false) : 0));
}

/** Returns the first carry of a signature: zeros for all inputs but those named. */
export function firstCarry(signature, others) {
  return Object.fromEntries(
    Object.entries(signature.inputs)
      .filter(([name]) => !others.includes(name))
      .map(([name, { shape }]) => [name, zeros(shape)]));
}
