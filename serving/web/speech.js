// Speech commands: detects words from the microphone or in a recording.

import { ApiError } from "./api.js";
import { Queue, joined, openMicrophone, readAudio } from "./audio.js";
import { isWord } from "./detector.js";
import { Jobs, bar, el, percent } from "./dom.js";
import { Gates } from "./gates.js";
import { Plot } from "./plot.js";
import { MODEL, Stream, sendable } from "./stream.js";

const RATE_HZ = 16000; // of models without the signature stream, which name no rate
const CHUNK_S = 0.1; // minimum length of a chunk from the microphone
const PIECE_S = 1; // length of a chunk of a recording
const MAX_DELAY_S = 20; // a model that is further behind is too slow
const MAX_CLIP_S = 20; // for a model without the signature stream

export function start(panel, api) {
  const find = (name) => panel.querySelector(name);
  const [listen, stop, example] = [".listen", ".stop", ".example"].map(find);
  const file = find("input[type=file]"), drop = find(".drop");
  const level = find("meter"), words = find(".words-known");
  const state = find(".result > .state");
  const list = find(".detections"), plotBox = find(".plot"), problems = find(".problems");
  const plot = new Plot(plotBox);
  const gates = new Gates(find(".gates"));
  const gatesJobs = new Jobs(problems);
  const jobs = new Jobs(problems, (busy) => { stop.disabled = !busy; });
  let ending = () => {}; // stops the audio, but not the job

  /** Opens a stream and shows its words; returns null for whole-clip models. */
  async function open(signal) {
    const stream = await Stream.open(api, signal);
    words.textContent = stream
      ? `It listens for: ${stream.labels.filter(isWord).join(", ")}.`
      : "This model reads whole clips: it answers after the end of the recording, which " +
        `is sent at ${RATE_HZ} Hz.`;
    return stream;
  }

  function begin(text) {
    ending = () => {
      jobs.stop();
      state.textContent = "Stopped.";
    };
    gatesJobs.stop();
    gates.clear();
    problems.replaceChildren();
    list.replaceChildren();
    state.textContent = text;
  }

  /** Sends audio from `more()`, null at the end, to the stream; shows detections. */
  async function hear(stream, more, signal) {
    const { rate, hop } = stream;
    plotBox.hidden = false;
    plot.clear(stream.labels, hop / rate, stream.listener.threshold);
    let recent = new Float32Array(rate), length = 0, heard = 0;
    /** Shows the gates of the second that ended `ago` samples ago. */
    const show = (ago, of) => {
      const end = Math.max(rate, recent.length - ago);
      const waveform = [sendable(recent.slice(end - rate, end))];
      gatesJobs.run((inner) => gates.ask(api, MODEL, { waveform }, inner, of));
    };
    for (let sound = await more(); sound; sound = await more()) {
      const { smoothed, detections } = await stream.feed(sound, signal);
      length += sound.length;
      recent = joined([recent, sound]);
      plot.add(smoothed, detections);
      for (const { word, timeS, score } of detections) {
        list.append(el("li", {}, el("b", {}, word),
          ` at ${timeS.toFixed(2)} s, score ${score.toFixed(2)}`));
      }
      heard += detections.length;
      if (detections.length) {
        const { word, timeS } = detections.at(-1);
        show(length - Math.round(timeS * rate), `The second before “${word}” was heard.`);
      }
      recent = recent.slice(-rate);
    }
    if (!heard && length) show(0, "The last second.");
    state.textContent = `${heard} ${heard === 1 ? "word" : "words"} heard in ` +
      `${(length / rate).toFixed(1)} seconds.`;
  }

  /** Calls a model that takes a whole clip. */
  async function judge(waveform, signal) {
    plotBox.hidden = true;
    const inputs = { waveform: [sendable(waveform)] };
    const { label, probabilities: [shares] } = await api.predict(MODEL,
      "serving_default", inputs, { signal });
    const best = shares.indexOf(Math.max(...shares));
    state.replaceChildren(el("b", {}, label[0]), ` (${percent(shares[best])})`);
    list.replaceChildren(...shares.map((share, n) =>
      bar(n === best ? label[0] : `label ${n + 1}`, share, n === best)));
    await gates.ask(api, MODEL, inputs, signal, "The loudest part of the clip.");
  }

  async function useMicrophone(signal) {
    begin("Opening the microphone …");
    const stream = await open(signal);
    const rate = stream?.rate ?? RATE_HZ;
    const queue = new Queue();
    const close = await openMicrophone(rate, (block) => {
      queue.push(block);
      level.value = Math.min(1, 4 * Math.sqrt(
        block.reduce((sum, value) => sum + value * value, 0) / (block.length || 1)));
    }, () => queue.end());
    ending = () => queue.end();
    signal.addEventListener("abort", ending);
    try {
      signal.throwIfAborted();
      state.textContent = "Listening. Say a word.";
      if (stream) {
        await hear(stream, async () => {
          if (queue.length > MAX_DELAY_S * rate) {
            throw new ApiError("The computation is too slow for this audio.",
              "Press Listen to start again when the computer is less busy.");
          }
          const sound = await queue.take(CHUNK_S * rate);
          signal.throwIfAborted();
          return sound;
        }, signal);
      } else {
        const clip = await queue.take(MAX_CLIP_S * rate);
        signal.throwIfAborted();
        close();
        if (clip) await judge(clip, signal);
      }
    } catch (error) {
      if (!signal.aborted) state.textContent = "";
      throw error;
    } finally {
      signal.removeEventListener("abort", ending);
      close();
      level.value = 0;
    }
  }

  async function useFile(chosen, signal) {
    begin(`Reading ${chosen.name} …`);
    let stopped = false;
    ending = () => { stopped = true; };
    try {
      const stream = await open(signal);
      const rate = stream?.rate ?? RATE_HZ;
      const sound = await readAudio(chosen, rate);
      signal.throwIfAborted();
      if (!stream) return await judge(sound, signal);
      state.textContent = `Listening to ${chosen.name} …`;
      let at = 0;
      await hear(stream, async () => {
        const piece = sound.slice(at, at + PIECE_S * rate);
        at += piece.length;
        return piece.length && !stopped ? piece : null;
      }, signal);
    } catch (error) {
      if (!signal.aborted) state.textContent = "";
      throw error;
    }
  }

  const take = (chosen) => chosen && jobs.run((signal) => useFile(chosen, signal));
  listen.addEventListener("click", () => jobs.run(useMicrophone));
  stop.addEventListener("click", () => ending());
  example.addEventListener("click", () => jobs.run(async (signal) => {
    const answer = await fetch("example.wav", { signal });
    if (!answer.ok) {
      throw new ApiError("The example is missing.", "Choose a recording.");
    }
    const bytes = await answer.arrayBuffer();
    await useFile({ name: "the example", arrayBuffer: async () => bytes }, signal);
  }));
  file.addEventListener("change", () => {
    take(file.files[0]);
    file.value = ""; // so that the same file can be chosen again
  });
  drop.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    take(event.dataTransfer.files[0]);
  });

  return {
    /** Stops listening when another tab is selected. */
    left() {
      if (jobs.busy) ending();
    },

    /** Shows the words of the model before anybody speaks. */
    async served() {
      await open();
    },
  };
}
