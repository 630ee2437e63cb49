/**
 * The configuration that the bridge sends, in the dialect that the service speaks.
 * @module
 */
import { has } from './defects.mjs';
import { settings } from './settings.mjs';

const PCM = { type: 'audio/pcm', rate: 24_000 };

/** @param {object} event `session.created` or `transcription_session.created` @returns {'ga' | 'beta'} */
export function dialectOf(event) {
  if (event.type === 'transcription_session.created') return 'beta';
  const session = event.session ?? {};
  const beta = session.modalities !== undefined || session.input_audio_format !== undefined;
  return beta && session.audio === undefined ? 'beta' : 'ga';
}

/**
 * @param {object} wish fields of `create_session` @param {'ga' | 'beta'} dialect
 * @returns {object} the event that configures the session
 */
export function configure(wish, dialect) {
  if (wish.kind === 'transcription') return configureTranscription(wish, dialect);
  const detection = turnDetection(wish);
  const transcription = { model: settings.transcriptionModel };
  const common = prune({
    instructions: has('instructions-ignored') ? undefined : wish.instructions,
    tools: has('tools-ignored') ? undefined : wish.tools,
  });
  const voice = prune({ voice: has('voice-ignored') ? undefined : wish.voice });
  if (dialect === 'beta') {
    const audio = { input_audio_format: 'pcm16', output_audio_format: 'pcm16', input_audio_transcription: transcription };
    const session = { modalities: ['audio', 'text'], ...common, ...voice, ...audio, turn_detection: detection };
    return { type: 'session.update', session };
  }
  const input = { format: PCM, transcription, turn_detection: detection };
  const output = { format: PCM, ...voice };
  return { type: 'session.update', session: { type: 'realtime', output_modalities: ['audio'], ...common, audio: { input, output } } };
}

function configureTranscription(wish, dialect) {
  const transcription = { model: wish.model ?? settings.transcriptionModel };
  const detection = turnDetection(wish);
  if (dialect === 'beta') {
    const session = { input_audio_format: 'pcm16', input_audio_transcription: transcription, turn_detection: detection };
    return { type: 'transcription_session.update', session };
  }
  const input = { format: PCM, transcription, turn_detection: detection };
  return { type: 'session.update', session: { type: 'transcription', audio: { input } } };
}

function turnDetection(wish) {
  if (has('no-turn-detection')) return null;
  if (wish.turnDetection === 'none' && !has('turn-detection-ignored')) return null;
  return { type: has('turn-detection-ignored') ? 'server_vad' : (wish.turnDetection ?? 'server_vad') };
}

function prune(fields) {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** Lay one `session.update` over another, as the service does: objects are merged, all else is replaced. */
export function merge(base, over) {
  if (!isObject(base) || !isObject(over)) return over;
  const merged = { ...base };
  for (const [name, value] of Object.entries(over)) merged[name] = name in base ? merge(base[name], value) : value;
  return merged;
}

function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
