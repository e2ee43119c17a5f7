// Detects words in a stream of posteriors, as apps/common/portable/detector.py does.

export const DEFAULTS = { threshold: 0.8, smoothing_ms: 200, pause_ms: 300 };

/** Rounds as Python does: a half is rounded to the even neighbour. */
export const rounded = (x) => {
  const low = Math.floor(x);
  return x - low === 0.5 ? low + (low % 2) : Math.round(x);
};

/** Returns whether a label is a word; other labels begin with "_". */
export const isWord = (label) => label[0] !== "_";

export class Listener {
  /**
   * @param labels Names of the labels.
   * @param frameS Seconds from one frame to the next.
   * @param settings Those of `DEFAULTS` that differ.
   */
  constructor(labels, frameS, settings = {}) {
    const { threshold, smoothing_ms: smoothing, pause_ms: pause } =
      { ...DEFAULTS, ...settings };
    this.labels = labels;
    this.frameS = frameS;
    this.threshold = threshold;
    const window = Math.max(1, rounded(smoothing / 1000 / frameS));
    this.before = Array.from({ length: window - 1 }, () => labels.map(() => 0));
    this.pause = rounded(pause / 1000 / frameS);
    this.words = labels.flatMap((label, n) => (isWord(label) ? [n] : []));
    this.last = null;
    this.since = this.pause;
    this.frames = 0;
  }

  /** Returns the smoothed posteriors of the next frames, and the detected words. */
  feed(posteriors) {
    const smoothed = this.smooth(posteriors);
    const detections = [];
    for (const scores of smoothed) {
      this.frames += 1;
      this.since += 1;
      const word = this.words.reduce((best, n) => (scores[n] > scores[best] ? n : best),
        this.words[0]);
      if (this.last !== null && scores[this.last] < this.threshold) this.last = null;
      if (!(scores[word] >= this.threshold)) continue;
      if (this.since > this.pause && word !== this.last) {
        detections.push({ word: this.labels[word], timeS: this.frames * this.frameS,
          score: scores[word] });
        this.last = word;
        this.since = 0;
      }
    }
    return { smoothed, detections };
  }

  /** Returns the mean over each frame and the earlier ones in the window. */
  smooth(posteriors) {
    const window = this.before.length + 1;
    const frames = [...this.before, ...posteriors];
    this.before = frames.slice(frames.length - window + 1);
    return posteriors.map((_, n) => this.labels.map((__, label) => {
      let sum = 0;
      for (let k = n; k < n + window; k++) sum += frames[k][label];
      return sum / window;
    }));
  }
}
