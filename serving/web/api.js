// A client for TensorFlow Serving's REST API; its errors are written for people.

const TIMEOUT_MS = 120_000;

/** An error with advice; both are shown to the user. */
export class ApiError extends Error {
  constructor(message, advice, status = 0) {
    super(message);
    this.advice = advice;
    this.status = status;
  }
}

/** Parses JSON with bare NaN and Infinity, as TensorFlow Serving writes them. */
export function parse(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    // The pattern matches strings first, so that their contents stay unchanged.
    const marked = text.replace(
      /"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g,
      (token) => (token[0] === '"' ? token : `"\\u0000${token}"`),
    );
    if (marked === text) throw error;
    return JSON.parse(marked, (key, value) =>
      typeof value === "string" && value[0] === "\0" ? Number(value.slice(1)) : value);
  }
}

/** Returns a message of TensorFlow without the names of graph nodes. */
export function withoutNodes(message) {
  const end = message.indexOf("[{{");
  let text = end < 0 ? message : message.slice(0, end).replace(/\[$/, "").trimEnd();
  const condition = text.indexOf("] [Condition ");
  if (condition >= 0) {
    text = text.slice(0, condition).replace("assertion failed: [", "").trimEnd();
  }
  return text.replace(/\{\{\w*node [^{}]*\}\}\s*/g, "");
}

/** Returns the commands that train and serve a model. */
function commands(model) {
  return `\`make run APP=${model}\` trains and exports it, \`make serve\` serves it.`;
}

export class Api {
  /**
   * @param server Address of a server, or "" for the server of this page.
   * @param names Names of models on the server by app, where they differ.
   */
  constructor(server, names = {}) {
    this.names = names;
    this.use(server);
  }

  /** Returns the name of an app's model on the server. */
  nameOf(app) {
    return this.names[app] || app;
  }

  path(app) {
    return `v1/models/${encodeURIComponent(this.nameOf(app))}`;
  }

  use(server) {
    this.server = server.replace(/\/+$/, "");
    this.known = new Map(); // metadata by model
  }

  get name() {
    return this.server || location.origin;
  }

  /** What the page calls this server. */
  get label() {
    return this.server || "this one";
  }

  /** Returns the error for an app whose model is not served. */
  absent(app) {
    return new ApiError(`The model ${this.nameOf(app)} is not served.`,
      `${commands(app)} For a model of another name add \`?${app}=NAME\` to this ` +
      "page's address.");
  }

  /** Returns the set of those of `apps` whose models are served. */
  async served(apps) {
    this.cells = {}; // size in bytes of each app's cell.json, if the server has it
    try {
      const { models, cells = {} } = await this.request("v1/models");
      if (Array.isArray(models)) {
        this.cells = Object.fromEntries(apps.map((app) => [app, cells[this.nameOf(app)]])
          .filter(([, bytes]) => bytes));
        return new Set(apps.filter((app) => models.includes(this.nameOf(app))));
      }
    } catch (error) {
      if (!error.status) throw error; // with a status: the server has no such list
    }
    const served = await Promise.all(apps.map((app) => this.isServed(app)));
    return new Set(apps.filter((app, n) => served[n]));
  }

  /** Returns the content of cell.json of an app's model. */
  cell(app) {
    return this.request(`${this.path(app)}/cell`, { model: app });
  }

  async isServed(app) {
    try {
      const { model_version_status: versions } = await this.request(
        this.path(app), { model: app });
      return (versions ?? []).some((version) => version.state === "AVAILABLE");
    } catch (error) {
      if (error.status >= 400 && error.status < 500) return false;
      throw error;
    }
  }

  /** Returns the inputs and outputs of a signature: {name: {dtype, shape}}. */
  async signature(model, name, signal) {
    if (!this.known.has(model)) {
      const answer = await this.request(`${this.path(model)}/metadata`,
        { model, signal });
      this.known.set(model, answer.metadata?.signature_def?.signature_def ?? {});
    }
    const definition = this.known.get(model)[name];
    if (!definition) return null;
    const specs = (side) => Object.fromEntries(
      Object.entries(definition[side] ?? {}).map(([key, { dtype, tensor_shape: shape }]) =>
        [key, { dtype, shape: (shape?.dim ?? []).map((dim) => Number(dim.size)) }]));
    return { inputs: specs("inputs"), outputs: specs("outputs") };
  }

  /**
   * Calls a signature of a model.
   * @param inputs Columns by input name.
   * @param options signal: an AbortSignal; only: the name of the output if there is a
   *     single one, which the server returns without its name.
   * @returns Columns by output name.
   */
  async predict(model, signature, inputs, { signal, only } = {}) {
    const body = JSON.stringify({ signature_name: signature, inputs });
    const { outputs } = await this.request(`${this.path(model)}:predict`,
      { model, signal, body });
    if (only && outputs !== undefined) {
      return only in Object(outputs) ? outputs : { [only]: outputs };
    }
    if (!outputs || typeof outputs !== "object") {
      throw new ApiError(`${this.name} answered without outputs.`,
        "Is this the address of a model server?");
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
      // No Content-Type of JSON: it would cause a CORS preflight request, which
      // TensorFlow Serving does not answer.
      const answer = await fetch(this.server ? `${this.server}/${path}` : path, {
        method: body === undefined ? "GET" : "POST", body, signal: controller.signal,
        credentials: "omit", cache: "no-store",
      });
      return this.read(answer.status, await answer.text(), model);
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof ApiError) throw error;
      throw late ? this.timedOut() : this.unreachable();
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
          "Is this the address of a model server? See “Server” above.");
      }
    }
    if (status < 400) return content ?? {};
    const message = withoutNodes(String(content?.error ?? text)).trim().slice(0, 600);
    throw this.refusal(status, message, model);
  }

  /** Returns the error for an HTTP status and the server's message. */
  refusal(status, message, model) {
    const words = message ? ` It says: ${message}` : "";
    if (status === 404 && model) {
      return new ApiError(`The model ${this.nameOf(model)} is not served (404).${words}`,
        commands(model), status);
    }
    if (status === 503 || status === 429) {
      return new ApiError(`The server is busy, or not ready yet (${status}).${words}`,
        "Wait a moment and try again.", status);
    }
    if (status >= 500) {
      return new ApiError(`The server failed (${status}).${words}`,
        "Try again. If it fails again, see the server's terminal.", status);
    }
    if (/signature/i.test(message) && model) {
      return new ApiError(`The served model lacks what this needs.${words}`,
        stale(model), status);
    }
    return new ApiError(`The server refused the request (${status}).${words}`,
      "Change the input or the settings and try again.", status);
  }

  timedOut() {
    return new ApiError(`No answer from ${this.name} in ${TIMEOUT_MS / 1000} seconds.`,
      "Try again with a shorter input, or when the server is less busy.");
  }

  unreachable() {
    const elsewhere = this.server && this.server !== location.origin;
    return new ApiError(
      `No answer from ${this.name}.`,
      elsewhere
        ? "Either no server runs there (see “Server” above), or it does not allow " +
          "calls from other pages. Start TensorFlow Serving with " +
          "`--rest_api_enable_cors_support=true`, or our server with `--cors`."
        : "The server has stopped, or the connection is lost. Start it with " +
          "`make serve`, then try again.");
  }
}

/** Returns advice about a model whose export lacks a signature of the page. */
export function stale(model) {
  return "It was exported by an earlier version of this project. Remove the directory " +
    `\`export\` from its run directory (\`runs/${model}/…\`), then run ` +
    `\`python -m experiments.${model} export\`.`;
}

/** Returns nested lists of zeros; sizes below 0 become 1 for the batch, else 0. */
export function zeros([size, ...rest], first = true) {
  const length = size < 0 ? Number(first) : size;
  return Array.from({ length }, () => (rest.length ? zeros(rest, false) : 0));
}

/** Returns the initial state of a stream: zeros for all inputs but `others`. */
export function initialState(signature, others) {
  return Object.fromEntries(
    Object.entries(signature.inputs)
      .filter(([name]) => !others.includes(name))
      .map(([name, { shape }]) => [name, zeros(shape)]));
}
