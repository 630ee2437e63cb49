// What browsers do to a page: offline, frozen, shown again from the back-forward cache, a second tab, a dimmed screen.

/** @typedef {import("./sherpa-client.js").SherpaClient} SherpaClient */
/** @typedef {import("./audio.js").VoiceAudio} VoiceAudio */

/**
 * Tell a client what happens to its page. The microphone's light goes off when the page is left.
 * @param {SherpaClient} client
 * @param {VoiceAudio} audio
 */
export function followPage(client, audio) {
  addEventListener("offline", () => client.lifecycle("offline"));
  addEventListener("online", () => client.lifecycle("online"));
  document.addEventListener("freeze", () => client.lifecycle("freeze"));
  document.addEventListener("resume", () => client.lifecycle("resume"));
  addEventListener("pagehide", () => {
    client.lifecycle("freeze"); // an open WebSocket would keep the page out of the back-forward cache
    void audio.closeMicrophone();
  });
  addEventListener("pageshow", ({ persisted }) => persisted && client.lifecycle("resume"));
}

/** Keeps the screen on while the microphone is: phones cut the microphone when they lock. */
export class WakeLock {
  #wanted = false;
  /** @type {WakeLockSentinel | null} */
  #lock = null;

  constructor() {
    document.addEventListener("visibilitychange", () => void this.#update()); // hidden pages lose it
  }

  /** @param {boolean} wanted */
  keep(wanted) {
    this.#wanted = wanted;
    void this.#update();
  }

  async #update() {
    try {
      if (!this.#wanted) await this.#lock?.release();
      else if (document.visibilityState === "visible") this.#lock = await navigator.wakeLock?.request("screen");
    } catch {
      // refused to save power: the call goes on
    }
  }
}

const LOCK = "sherpa-console";

/**
 * Whether this is the only tab of this browser that is connected: two would hear each other.
 * The claim holds until `release` is called or the tab is closed.
 * @returns {Promise<{alone: boolean, release: () => void}>}
 */
export async function claimTab() {
  if (!navigator.locks) return { alone: true, release: () => {} };
  return new Promise((resolve) => {
    void navigator.locks.request(LOCK, { ifAvailable: true }, (lock) => {
      if (!lock) {
        resolve({ alone: false, release: () => {} });
        return undefined;
      }
      return new Promise((release) => resolve({ alone: true, release: () => release(undefined) }));
    });
  });
}
