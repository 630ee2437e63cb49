/**
 * Defects that can be planted in this bridge, one line each: [name, what is wrong, section of the client protocol].
 *
 * The letters group them as the conformance suite groups its cases. `DEFECT=name,name` plants them.
 * @module
 */

const LISTED = {
  A: [
    ['no-connected', 'no `connected` greets a client', 'Messages from the bridge'],
    ['no-timestamp', 'messages of the bridge have no `timestamp`', 'The client protocol'],
    ['any-path', 'a WebSocket opens at any path', 'The client protocol'],
    ['any-origin', 'a web page of any other origin may connect', 'Errors'],
    ['no-healthz', 'there is no `/healthz`', 'The client protocol'],
    ['no-readyz', 'there is no `/readyz`', 'The client protocol'],
    ['plain-request-answered', 'a request without an upgrade is answered with 200', 'The client protocol'],
    ['ping-id-lost', '`pong` has no `id`', 'Messages from the client'],
    ['initializing-silent', 'no `session_initializing` is sent', 'Messages from the bridge'],
    ['ready-without-id', '`session_ready` has no `sessionId`', 'Messages from the bridge'],
    ['model-ignored', '`model` of `create_session` is ignored', 'Messages from the client'],
    ['instructions-ignored', '`instructions` are ignored', 'Messages from the client'],
    ['voice-ignored', '`voice` is ignored', 'Messages from the client'],
    ['tools-ignored', '`tools` are ignored', 'Messages from the client'],
    ['no-turn-detection', 'every session is without turn detection', 'Messages from the client'],
    ['shared-upstream', 'every client gets the same upstream session', 'Session life'],
    ['second-session-opened', '`create_session` opens another session while one is live', 'Messages from the client'],
    ['second-create-not-ignored', '`create_session` starts another session while one is starting', 'Messages from the client'],
  ],
  B: [
    ['ready-at-open', '`session_ready` is sent when the upstream socket opens', 'Session life 1'],
    ['ready-before-updated', '`session_ready` does not wait for the configuration', 'Session life 1'],
    ['audio-before-ready', 'speech goes up before the session is ready', 'Session life 1'],
    ['early-dropped', 'what comes before the session is ready is lost', 'Session life 3'],
    ['audio-before-create-lost', 'what comes before `create_session` is lost', 'Errors'],
    ['no-session-silent', 'no `NO_SESSION_EXISTS` is sent', 'Errors'],
    ['no-readiness-timeout', 'a session that is never confirmed is waited for without end', 'Session life 1'],
    ['buffered-not-counted', '`bufferedChunks` and `bufferedMs` are always 0', 'Messages from the bridge'],
    ['drop-silently', 'no `audio_dropped` says what was given up', 'Session life 3'],
    ['notice-for-each-chunk', 'every chunk given up has an `audio_dropped` of its own', 'Session life 3'],
    ['newest-dropped', 'a full buffer gives up the newest, not the oldest', 'Session life 3'],
    ['hold-without-bound', 'held audio has no bound', 'Session life 3'],
    ['hold-forever', 'held audio never grows too old', 'Session life 3'],
    ['turn-detection-ignored', '`turnDetection` is ignored', 'Messages from the client'],
  ],
  C: [
    ['overtaken', 'live speech overtakes held speech', 'Session life 3'],
    ['audio-and-events-apart', 'held text and events go up before held audio', 'Session life 3'],
    ['first-chunk-twice', 'the first held chunk goes up twice', 'Session life 3'],
    ['chunk-lost', 'every twentieth chunk is lost', 'Session life 3'],
    ['long-chunk-cut', 'chunks of more than 100 ms lose their end', 'Messages from the client'],
    ['answered-speech-again', 'speech of an answered turn goes up again before the next one', 'Messages from the client'],
    ['unknown-events-dropped', 'events that the bridge does not know are dropped', 'Messages from the bridge'],
    ['binary-out-ignored', '`audioOut: binary` is ignored', 'Messages from the client'],
    ['native-rewritten', 'native events are written anew, without their `event_id`', 'Messages from the client'],
  ],
  D: [
    ['retry-bad-key', 'a refused key is tried again', 'Session life 2'],
    ['retry-no-access', 'a key without access is tried again', 'Session life 2'],
    ['retry-no-model', 'a model that is not there is tried again', 'Session life 2'],
    ['retry-refused-shape', 'a refused shape is tried again', 'Session life 2'],
    ['retry-no-credit', 'an account without credit is tried again', 'Session life 2'],
    ['no-retry-unavailable', 'HTTP 503 is not tried again', 'Session life 2'],
    ['no-retry-rate-limit', 'HTTP 429 is not tried again', 'Session life 2'],
    ['retry-forever', 'attempts have no bound', 'Session life 2'],
    ['no-backoff', 'attempts follow without a wait', 'Session life 2'],
    ['retry-after-ignored', '`retry-after` is ignored', 'Session life 2'],
    ['attempts-without-client', 'attempts go on when the client has left', 'Session life 9'],
  ],
  E: [
    ['errors-swallowed', 'errors of the service are not shown', 'Errors'],
    ['upstream-error-as-native', 'errors of the service are forwarded as they are', 'Messages from the bridge'],
    ['failed-response-silent', 'a failed response is not shown as an error', 'Errors'],
    ['failure-silent', 'no error says that a session could not be created', 'Errors'],
    ['error-without-code', 'errors have no `code`', 'Errors'],
    ['wrong-error-code', 'every failure of a session is `UPSTREAM_ERROR`', 'Errors'],
    ['quota-as-rate-limit', 'missing credit is shown as a rate limit', 'Errors'],
    ['key-in-error', 'the key of the bridge stands in an error message', 'Errors'],
    ['harmless-shown', 'harmless errors are shown', 'Session life 6'],
    ['error-flood', 'errors are not throttled', 'Throttle'],
    ['throttle-too-short', 'the throttle opens after half a second', 'Throttle'],
    ['throttled-lost', 'errors that the throttle holds back are lost', 'Throttle'],
    ['throttle-keeps-first', 'the throttle sends the first error held back, not the most severe', 'Throttle'],
    ['suppressed-always-zero', '`suppressed` is always 0', 'Throttle'],
    ['error-ends-session', 'an error of the service ends the session', 'Errors'],
    ['bad-event-forwarded', 'what the service sends is forwarded even if it is no event', 'Messages from the bridge'],
  ],
  F: [
    ['no-reconnect', 'a lost session is not replaced', 'Session life 4'],
    ['clean-close-is-the-end', 'a close with 1000 or 1001 is taken for the end', 'Session life 4'],
    ['stall-not-seen', 'a silent session is never given up', 'Session life 4'],
    ['reconnecting-silent', 'no `reconnecting` is sent', 'Messages from the bridge'],
    ['reconnect-forever', 'reconnection never gives up', 'Errors'],
    ['lost-audio-dropped', 'speech during a reconnection is lost', 'Session life 3'],
    ['order-reversed', 'speech held during a reconnection goes up in reverse order', 'Session life 3'],
    ['speech-not-resent', 'speech without an answer is not sent again', 'Session life 4'],
    ['speech-resent-twice', 'speech without an answer is sent again twice', 'Session life 4'],
    ['answered-speech-resent', 'speech that was answered is sent again', 'Session life 4'],
    ['resent-once-only', 'speech is not sent again after a second loss', 'Session life 4'],
    ['commit-not-resent', 'speech is sent again without its commit', 'Session life 4'],
    ['config-not-restored', 'a fresh session is not configured', 'Session life 4'],
    ['turns-not-restored', 'a fresh session is not told of earlier turns', 'Session life 4'],
    ['tools-not-restored', 'a fresh session is not told of tool calls', 'Session life 4'],
    ['unheard-restored', 'a fresh session is told what was sent of an answer, not what was heard', 'Messages from the client'],
    ['restored-lies', '`restored` counts what was not restored', 'Messages from the bridge'],
    ['owed-answer-not-asked', 'an answer that is owed is not asked for again', 'Session life 4'],
    ['cut-answer-not-named', '`lost` does not name an answer that was cut', 'Session life 4'],
    ['generation-stuck', '`generation` does not grow', 'Messages from the bridge'],
    ['late-events', 'events of a session that was given up are forwarded', 'Messages from the bridge'],
    ['restart-forgets', '`restart_session` forgets the conversation', 'Messages from the client'],
  ],
  G: [
    ['no-rollover', 'a session runs into its maximum duration', 'Session life 5'],
    ['age-ends-session', 'a session near its maximum duration ends, and is not replaced', 'Session life 5'],
    ['rollover-in-a-sentence', 'a rollover does not wait for a pause', 'Session life 5'],
    ['expiring-silent', 'no `session_expiring` is sent', 'Messages from the bridge'],
    ['rollover-gap', 'speech that comes during a rollover is lost', 'Session life 5'],
    ['rollover-leaks', 'the old upstream session stays after a rollover', 'Session life 5'],
  ],
  H: [
    ['create-while-active', '`response.create` goes up while a response is active', 'Session life 6'],
    ['no-cancel', '`interrupt` does not cancel the response', 'Messages from the client'],
    ['no-truncate', '`interrupt` does not truncate', 'Messages from the client'],
    ['truncates-at-sent', '`interrupt` truncates at what was sent, not at what was heard', 'Messages from the client'],
    ['playback-ignored', '`playback` is ignored', 'Messages from the client'],
    ['text-not-answered', '`text` does not ask for a response', 'Messages from the client'],
    ['commit-not-answered', '`audio_commit` does not ask for a response', 'Messages from the client'],
    ['tool-result-not-answered', '`tool_result` does not ask for a response', 'Messages from the client'],
    ['no-usage', 'no `usage` is sent', 'Messages from the bridge'],
    ['usage-total-wrong', '`usage.total` holds the last response only', 'Messages from the bridge'],
    ['asks-after-detection', 'an answer is asked for that turn detection gives anyway', 'Session life 6'],
    ['end-closes-socket', '`end_session` ends the connection', 'Messages from the client'],
  ],
  I: [
    ['odd-byte-accepted', 'audio with half a sample is taken', 'The client protocol'],
    ['base64-unchecked', 'audio that is not base64 is taken', 'Errors'],
    ['audio-as-binary', 'audio goes up as binary frames', 'The client protocol'],
    ['no-size-limit', 'messages of any size are taken', 'Errors'],
    ['no-rate-limit', 'a client may send without end', 'Errors'],
    ['crash-on-bad-json', 'the process dies of a message that is not JSON', 'Errors'],
    ['bad-message-closes', 'a message that is not valid ends the connection', 'Errors'],
    ['bad-message-ignored', 'a message that is not valid is ignored', 'Errors'],
    ['unknown-type-ignored', 'a message of an unknown type is ignored', 'Errors'],
    ['fields-unchecked', 'fields of messages are not checked', 'Errors'],
    ['utf8-unchecked', 'text that is not UTF-8 is taken', 'The client protocol'],
    ['slow-without-bound', 'what a slow client does not read has no bound', 'Session life 7'],
    ['slow-loses-audio', 'a slow client loses audio in silence', 'Session life 7'],
    ['no-pong', 'WebSocket pings are not answered', 'The client protocol'],
    ['app-ping-unanswered', '`ping` is not answered', 'Messages from the client'],
    ['app-ping-upstream', '`ping` goes up to the service', 'Messages from the client'],
    ['slow-blocks-others', 'one client that does not read stops the bridge', 'Session life 7'],
    ['flood-blocks-others', 'one client that sends too fast stops the bridge', 'Errors'],
    ['tcp-left-open', 'TCP stays open after the close frames', 'The client protocol'],
  ],
  J: [
    ['upstream-leaked', 'the upstream session stays when the client leaves', 'Session life 9'],
    ['end-leaks', 'the upstream session stays after `end_session` and losses', 'Messages from the client'],
    ['ended-silently', 'no `session_closed` is sent', 'Messages from the bridge'],
    ['close-not-answered', 'a close frame of a client is not answered', 'The client protocol'],
    ['drain-ignored', 'SIGTERM does not end the running sessions', 'Session life 9'],
    ['drain-cuts', 'SIGTERM cuts the running sessions at once', 'Session life 9'],
    ['drain-silent', 'a drained session ends without `session_closed`', 'Session life 9'],
    ['drain-close-code', 'a drained client is closed with 1000', 'Session life 9'],
    ['drain-takes-new', 'new sessions are taken while draining', 'Session life 9'],
    ['ready-while-draining', '`/readyz` stays 200 while draining', 'Session life 9'],
    ['failed-attempts-leak', 'sockets of failed attempts stay open', 'Session life 9'],
    ['survives-kill', 'a process of the bridge survives its end', 'Session life 9'],
  ],
  K: [
    ['beta-header', 'the beta header is sent to the service', 'Session life 1'],
    ['dialect-misnamed', '`session_ready` says GA whatever the service speaks', 'Messages from the bridge'],
    ['transcription-ignored', '`kind: transcription` opens a conversation', 'Messages from the client'],
    ['events-renamed', 'native events get the names of the beta dialect', 'Messages from the bridge'],
    ['fields-dropped', 'native events lose fields that the bridge does not know', 'Messages from the bridge'],
    ['second-item-dropped', 'only the first item of a response reaches the client', 'Messages from the bridge'],
    ['ping-event', 'a `ping` event goes up to keep the session alive', 'Session life 1'],
  ],
  L: [
    ['rest-greeting-lost', 'REST fallback: the first event is never given', 'Without WebSockets: the REST fallback'],
    ['rest-json-audio-lost', 'REST fallback: speech as JSON is lost', 'Without WebSockets: the REST fallback'],
    ['rest-repeat-taken', 'REST fallback: a repeated POST is taken again', 'Without WebSockets: the REST fallback'],
    ['rest-gap-taken', 'REST fallback: a POST too far ahead is taken', 'Without WebSockets: the REST fallback'],
    ['rest-events-once', 'REST fallback: events are given once only', 'Without WebSockets: the REST fallback'],
    ['rest-first-line-only', 'REST fallback: of several messages only the first is taken', 'Without WebSockets: the REST fallback'],
    ['rest-delete-forgotten', 'REST fallback: DELETE does not end the session', 'Without WebSockets: the REST fallback'],
    ['rest-token-unchecked', 'REST fallback: nobody asks for the token of a session', 'Without WebSockets: the REST fallback'],
    ['rest-polls-pile-up', 'REST fallback: a second poll leaves the first waiting', 'Without WebSockets: the REST fallback'],
    ['rest-unknown-404', 'REST fallback: an unknown session is 404, not 410', 'Without WebSockets: the REST fallback'],
  ],
  M: [
    ['native-own-messages', 'the native endpoint shows messages of the bridge', 'The native endpoint'],
    ['native-early-lost', 'the native endpoint loses what comes before the session is ready', 'The native endpoint'],
    ['native-errors-swallowed', 'the native endpoint hides errors of the service', 'The native endpoint'],
    ['native-error-shape', 'errors of the bridge are no `bridge_error` at the native endpoint', 'The native endpoint'],
    ['native-model-ignored', 'the native endpoint ignores `model`', 'The native endpoint'],
    ['native-update-ignored', 'the native endpoint ignores `session.update`', 'The native endpoint'],
    ['native-append-lost', 'the native endpoint loses every twentieth append', 'The native endpoint'],
    ['native-bad-ignored', 'the native endpoint ignores what is no event', 'The native endpoint'],
    ['native-cancel-lost', 'the native endpoint loses `response.cancel`', 'The native endpoint'],
    ['native-output-trimmed', 'the native endpoint changes the results of tools', 'The native endpoint'],
    ['no-subprotocol', 'no subprotocol is selected', 'The native endpoint'],
    ['client-key-upstream', 'the service is asked with the key of the client', 'The native endpoint'],
  ],
};

/** @type {{name: string, group: string, wrong: string, section: string}[]} */
export const DEFECTS = Object.entries(LISTED).flatMap(([group, rows]) =>
  rows.map(([name, wrong, section]) => ({ name, group, wrong, section })),
);

const names = new Set(DEFECTS.map((defect) => defect.name));
const planted = new Set((process.env.DEFECT ?? '').split(',').filter(Boolean));
for (const name of planted) {
  if (!names.has(name)) {
    console.error(`Unknown defect '${name}'. --list-defects prints them.`);
    process.exit(2);
  }
}

/** @param {string} name @returns {boolean} whether this defect is planted */
export function has(name) {
  return planted.has(name);
}

/** Stop the whole bridge, as code that waits in the event loop does. @param {number} ms */
export function block(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
