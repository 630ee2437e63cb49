/**
 * One client's session with the service: attempts, readiness, loss, restoration, rollover, end.
 *
 * What it says goes to a client endpoint (`json_client.mjs`, `native_client.mjs`); what goes up while it is ready is
 * the business of `Conversation`.
 * @module
 */
import { Conversation } from './conversation.mjs';
import { configure, dialectOf, merge } from './configuration.mjs';
import { CODES, classify, isRetried } from './errors.mjs';
import { has } from './defects.mjs';
import { Held } from './held.mjs';
import { settings } from './settings.mjs';
import { Upstream } from './upstream.mjs';

/** How long a fresh session may take to confirm what is restored. */
const RESTORE_MS = 3000;
/** An error while a session opens: how long to wait for the close that says more. */
const REFUSAL_MS = 150;
const CREATED = new Set(['session.created', 'transcription_session.created']);
const UPDATED = new Set(['session.updated', 'transcription_session.updated']);

/** @typedef {import('./errors.mjs').Cause} Cause */

export class Session {
  /** @param {object} client the endpoint @param {{native: boolean}} options `native`: the client configures the session */
  constructor(client, { native }) {
    this.client = client;
    this.native = native;
    this.phase = 'idle';
    this.generation = 0;
    this.reconnections = 0;
    this.held = new Held((lost) => client.dropped(lost));
    this.talk = new Conversation(this);
    this.timers = new Map();
    this.watch = setInterval(() => this.#watch(), 250);
  }

  get ready() {
    return this.phase === 'ready';
  }

  get starting() {
    return this.phase === 'opening' || this.phase === 'waiting';
  }

  /** @returns {boolean} whether a session was asked for and neither failed nor ended */
  get exists() {
    return this.ready || this.starting;
  }

  /** Start a session; the caller made sure that there is none. @param {object} wish fields of `create_session` */
  create(wish) {
    this.wish = wish;
    this.update = undefined;
    this.recovery = undefined;
    this.talk.forget();
    this.attempt = 0;
    this.#open();
  }

  /** Give up the upstream session and open a fresh one with what is known. */
  restart() {
    if (has('restart-forgets')) this.talk.forgetHistory();
    this.#lose('restart');
  }

  /** Take something for the service: sent when ready, held until then. @param {import('./held.mjs').HeldItem} item */
  submit(item) {
    if (this.ready && !this.flushing) this.talk.deliver(item);
    else if (has('audio-before-ready') && item.pcm && this.upstream?.socket) this.talk.deliver(item);
    else if (has('lost-audio-dropped') && this.recovery) return;
    else if (has('rollover-gap') && this.recovery?.reason === 'rollover') return;
    else if (has('early-dropped') && !this.recovery && this.phase === 'opening') return;
    else this.held.push(item);
  }

  /** Close the upstream session; the client stays. @param {string} reason */
  end(reason) {
    this.#leave();
    this.phase = 'closed';
    this.held.clear('session_failed');
    if (!has('ended-silently')) this.client.tell('session_closed', { reason });
  }

  /** With the defect `shared-upstream`: let another client have this session, too. @returns {Session} this one */
  join(client) {
    const clients = [...(this.client.everybody ?? [this.client]), client];
    const all = (name) => (...words) => clients.map((one) => one[name](...words));
    this.client = new Proxy({ everybody: clients }, { get: (own, name) => own[name] ?? all(name) });
    if (this.native) client.event({ type: 'session.created' }, this.createdRaw, {});
    else this.#sayReady();
    return this;
  }

  /** The client is gone, or about to be. */
  dispose() {
    this.#leave();
    this.phase = 'closed';
    this.held.stop();
    clearInterval(this.watch);
  }

  #leave() {
    for (const [name, timer] of this.timers) {
      if (!(has('attempts-without-client') && name === 'backoff')) clearTimeout(timer);
    }
    this.timers.clear();
    if (!(has('upstream-leaked') && this.client.gone) && !(has('end-leaks') && !this.client.gone)) this.upstream?.close(1000);
    this.upstream = undefined;
  }

  #later(name, ms, act) {
    clearTimeout(this.timers.get(name));
    this.timers.set(name, setTimeout(act, Math.min(ms, 2 ** 31 - 1)));
  }

  #cancel(...names) {
    for (const name of names) clearTimeout(this.timers.get(name));
  }

  // Attempts

  #open() {
    this.attempt += 1;
    if (!has('generation-stuck') || !this.generation) this.generation += 1;
    this.phase = 'opening';
    this.step = 'dialling';
    this.failure = undefined;
    if (!this.recovery && !has('initializing-silent')) {
      this.client.tell('session_initializing', { attempt: this.attempt, maxAttempts: this.#maxAttempts });
    }
    const current = {};
    this.current = current;
    const mine = () => this.current === current || has('late-events');
    const model = has('model-ignored') ? settings.model : (this.wish.model ?? settings.model);
    const wish = { model, kind: this.#kind, key: this.wish.key };
    this.upstream = new Upstream(wish, {
      open: () => this.current === current && this.#opened(),
      event: (event, raw) => mine() && this.#event(event, raw),
      end: (cause) => this.current === current && this.#ended(cause),
    });
    if (!has('no-readiness-timeout')) this.#later('readiness', settings.readinessMs, () => this.#fail({ timeout: true }));
  }

  get #kind() {
    return has('transcription-ignored') ? 'conversation' : (this.wish.kind ?? 'conversation');
  }

  get #maxAttempts() {
    return this.recovery ? settings.reconnectAttempts : settings.attempts;
  }

  #opened() {
    this.step = 'connected';
    if (has('ready-at-open') && !this.recovery) this.#becomeReady();
  }

  #event(event, raw) {
    this.lastEventAt = Date.now();
    if (this.phase === 'opening') this.#openingEvent(event, raw);
    else if (event.type === 'error' && has('error-ends-session')) this.end('error');
    else if (event.type === 'error') this.talk.upstreamError(event);
    else this.talk.observe(event, raw);
  }

  #openingEvent(event, raw) {
    if (event.type === 'error') {
      if (this.step === 'restoring') return;
      this.#later('refusal', REFUSAL_MS, () => this.#fail({ error: event.error }));
      return;
    }
    this.client.event(event, raw, { opening: true, again: Boolean(this.recovery) });
    if (CREATED.has(event.type)) this.createdRaw = raw;
    if (CREATED.has(event.type)) this.#created(event);
    else if (UPDATED.has(event.type) && this.step === 'configuring') this.#configured();
    else if (this.step === 'restoring') this.#restoring(event);
  }

  #created(event) {
    this.session = event.session ?? {};
    this.sessionId = this.session.id ?? event.session_id;
    this.dialect = dialectOf(event);
    this.expiresAt = this.session.expires_at || undefined;
    this.openedAt = Date.now();
    const update = this.#configuration();
    this.step = 'configuring';
    if (update) this.upstream.send(JSON.stringify(update));
    if (!update || has('ready-before-updated')) this.#configured();
  }

  #configuration() {
    if (has('config-not-restored') && this.recovery) return { type: 'session.update', session: { type: 'realtime' } };
    if (this.native) return this.update && { type: 'session.update', session: this.update };
    const own = configure({ ...this.wish, kind: this.#kind }, this.dialect);
    if (this.update) own.session = merge(own.session, this.update);
    return own;
  }

  #configured() {
    const items = this.recovery ? this.talk.itemsToRestore(this.recovery) : [];
    this.restored = { config: true, tools: this.wish.tools?.length ?? 0, turns: 0, pendingTools: 0 };
    if (has('restored-lies')) this.restored = { config: true, tools: 3, turns: 7, pendingTools: 0 };
    if (!items.length) {
      this.#becomeReady();
      return;
    }
    this.step = 'restoring';
    this.unrestored = new Map();
    for (const [index, item] of items.entries()) {
      const id = `r${this.generation}_${index}_${Math.random().toString(36).slice(2, 10)}`;
      this.unrestored.set(id, item);
      this.upstream.send(JSON.stringify({ type: 'conversation.item.create', item: { id, ...item } }));
    }
    this.talk.history.items.clear();
    this.#later('restoring', RESTORE_MS, () => this.#becomeReady());
  }

  #restoring(event) {
    this.talk.history.observe(event);
    if (event.type !== 'conversation.item.added' && event.type !== 'conversation.item.created') return;
    const item = this.unrestored.get(event.item?.id);
    if (!item) return;
    this.unrestored.delete(event.item.id);
    this.talk.history.added({ id: event.item.id, ...item });
    if (item.type === 'message') this.restored.turns += 1;
    if (!this.unrestored.size) this.#becomeReady();
  }

  #ended(cause) {
    if (this.phase === 'ready') this.#lose(this.#reasonOf(cause), cause);
    else this.#fail({ ...this.failure, ...cause });
  }

  #reasonOf(cause) {
    if (cause.reason === 'ping timeout') return 'ping timeout';
    return cause.error?.code ?? `closed with ${cause.code ?? 1006}`;
  }

  /** This attempt failed. @param {Cause} cause */
  #fail(cause) {
    if (this.phase !== 'opening') return;
    this.#cancel('readiness', 'refusal', 'restoring');
    this.current = undefined;
    if (!has('failed-attempts-leak')) this.upstream?.close();
    this.upstream = undefined;
    const code = classify(cause);
    const last = this.attempt >= this.#maxAttempts && !has('retry-forever') && !(has('reconnect-forever') && this.recovery);
    if (last || !isRetried(code)) this.#giveUp(code, cause);
    else this.#wait(cause);
  }

  #wait(cause) {
    const bound = Math.min(settings.backoffCapMs, settings.backoffMs * 2 ** (this.attempt - 1));
    let delay = has('no-backoff') ? 0 : Math.random() * bound;
    if (cause?.retryAfterMs && !has('retry-after-ignored')) delay = Math.max(delay, cause.retryAfterMs);
    this.#sayReconnecting(delay, cause ? classify(cause) : this.recovery?.reason);
    this.phase = 'waiting';
    this.#later('backoff', delay, () => this.#open());
  }

  #sayReconnecting(delay, reason) {
    if (!this.recovery || has('reconnecting-silent')) return;
    const fields = { attempt: this.attempt + 1, maxAttempts: this.#maxAttempts, delayMs: Math.round(delay), reason };
    this.client.tell('reconnecting', fields);
  }

  #giveUp(code, cause) {
    this.phase = 'failed';
    const all = isRetried(code);
    const shown = all ? this.#exhausted(code) : code;
    const detail = {
      cause: code,
      status: cause.status,
      closeCode: cause.code,
      upstreamCode: cause.error?.code ?? undefined,
      upstreamMessage: cause.error?.message,
      attempts: this.attempt,
      sessionId: this.sessionId,
      requestId: cause.requestId,
      retryAfterMs: cause.retryAfterMs,
    };
    this.held.clear('session_failed');
    if (has('failure-silent')) return;
    this.client.error(shown, { detail, fatal: true, cause });
    this.client.failed(shown, cause);
  }

  #exhausted(code) {
    if (this.recovery) return 'CONNECTION_LOST';
    return code === 'RATE_LIMITED' ? code : 'SESSION_INITIALIZATION_FAILED';
  }

  // Ready, lost, rolled over

  #becomeReady() {
    this.#cancel('readiness', 'refusal', 'restoring');
    const { recovery } = this;
    this.phase = 'ready';
    this.attempt = 0;
    this.lastEventAt = Date.now();
    if (recovery) this.#sayReconnected(recovery);
    else this.#sayReady();
    this.recovery = undefined;
    this.talk.startSession();
    if (recovery) this.talk.resend(recovery);
    this.#sendHeld(Boolean(recovery));
    if (has('ping-event')) this.upstream.send(JSON.stringify({ type: 'ping' }));
    this.#planRollover();
  }

  #sayReady() {
    const counts = has('buffered-not-counted') ? [0, 0] : [this.held.chunks, Math.round(this.held.ms)];
    this.client.tell('session_ready', {
      message: 'The session is ready.',
      sessionId: has('ready-without-id') ? undefined : this.sessionId,
      model: this.session?.model ?? this.wish.model ?? settings.model,
      dialect: has('dialect-misnamed') ? 'ga' : (this.dialect ?? 'ga'),
      bufferedChunks: counts[0],
      bufferedMs: counts[1],
    });
  }

  #sayReconnected(recovery) {
    const { lost } = recovery;
    for (const item of this.unrestored?.values() ?? []) lost.push({ what: 'turn', type: item.type });
    this.unrestored = undefined;
    this.restored.pendingTools = this.talk.history.pendingCalls.length;
    this.client.tell('reconnected', {
      message: 'A fresh session is ready.',
      sessionId: this.sessionId,
      heldMs: Math.round(this.held.ms),
      resentMs: Math.round(recovery.resentMs),
      restored: this.restored,
      lost: has('cut-answer-not-named') ? [] : lost,
    });
  }

  #sendHeld(again) {
    const items = this.held.take();
    if (has('order-reversed') && again) items.reverse();
    if (has('first-chunk-twice') && items.length) items.unshift(items[0]);
    if (!has('overtaken')) {
      for (const item of items) this.talk.deliver(item);
      return;
    }
    for (const [index, item] of items.entries()) setTimeout(() => this.ready && this.talk.deliver(item), 20 * (index + 1));
  }

  /** The upstream session is gone, or given up. @param {string} reason @param {Cause} [cause] */
  #lose(reason, cause) {
    this.#cancel('readiness', 'refusal', 'restoring', 'backoff', 'rollover', 'expiring');
    this.current = undefined;
    if (!has('late-events') && !(has('rollover-leaks') && reason === 'rollover')) this.upstream?.close();
    this.upstream = undefined;
    this.reconnections += 1;
    if (has('no-reconnect') && cause) {
      this.phase = 'closed';
      return;
    }
    if (has('clean-close-is-the-end') && [1000, 1001].includes(cause?.code)) {
      this.phase = 'closed';
      return;
    }
    this.recovery = this.talk.planRecovery(reason, this.recovery);
    const code = cause ? classify(cause) : 'UPSTREAM_UNAVAILABLE';
    this.attempt = 0;
    if (this.reconnections > settings.maxReconnections) {
      this.phase = 'opening';
      this.attempt = settings.reconnectAttempts;
      this.#giveUp('UPSTREAM_UNAVAILABLE', cause ?? {});
    } else if (!isRetried(code)) {
      this.#giveUp(code, cause);
    } else if (cause || reason === 'stalled') {
      this.phase = 'waiting';
      this.#wait(undefined);
    } else if (has('rollover-gap') && reason === 'rollover') {
      this.phase = 'waiting';
      this.#later('backoff', 500, () => this.#open());
    } else {
      this.#sayReconnecting(0, reason);
      this.#open();
    }
  }

  #watch() {
    if (!this.ready) return;
    const silent = Date.now() - Math.max(this.lastEventAt, this.talk.owedSince ?? Infinity);
    if (silent > settings.stallMs && !has('stall-not-seen')) this.#lose('stalled');
    else if (this.rolloverDue && (this.talk.inPause || Date.now() > this.rolloverForced)) {
      this.rolloverDue = false;
      if (has('age-ends-session')) this.end('expired');
      else this.#lose('rollover');
    }
  }

  #planRollover() {
    this.rolloverDue = false;
    if (!this.expiresAt) return;
    const left = this.expiresAt * 1000 - Date.now();
    const margin = Math.min(60_000, Math.max(1500, left * 0.1));
    this.#later('expiring', Math.max(0, left - margin), () => {
      if (!has('expiring-silent')) this.client.tell('session_expiring', { expiresAt: new Date(this.expiresAt * 1000).toISOString() });
      if (has('no-rollover')) return;
      this.rolloverForced = has('rollover-in-a-sentence') ? 0 : Date.now() + margin * 0.6;
      this.rolloverDue = true;
    });
  }
}

export { CODES };
