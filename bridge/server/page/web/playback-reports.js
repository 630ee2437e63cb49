// When the bridge is told how much of an answer was heard: at most four times a second, and always at its end. Pure.

const INTERVAL_MS = 250;

export class PlaybackReports {
  #sentAt = -Infinity;
  #refused = false;

  /** Whether to report now. @param {boolean} ended @param {number} now in ms */
  isDue(ended, now) {
    if (this.#refused || (!ended && now - this.#sentAt < INTERVAL_MS)) return false;
    this.#sentAt = now;
    return true;
  }

  /**
   * Whether an error says that the bridge, of an earlier version, knows no `playback`: then there is no further report.
   * @param {import("./error-notices.js").BridgeError} error
   */
  refusedBy(error) {
    const refused = error.code === "INVALID_MESSAGE" && /'playback'/.test(error.message ?? "");
    this.#refused ||= refused;
    return refused;
  }
}
