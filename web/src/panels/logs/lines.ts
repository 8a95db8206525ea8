// Log lines out of frames: which field is the text, which the level, and the rest as details.
import { type DataFrame, type Field, FieldType } from '@grafana/data';

export interface Line { time: number | null; level: string; text: string; details: Array<[name: string, value: string]>; repeats: number }

const BODY = /^(body|message|msg|line|log|content|text|event)$/i;
const LEVEL = /^(level|lvl|severity|severity_?text|log_?level|detected_level)$/i;
const LEVELS: Array<[RegExp, string]> = [
  [/^(crit|fatal|emerg|alert|panic)/i, 'critical'], [/^err/i, 'error'], [/^warn/i, 'warning'], [/^(info|notice)/i, 'info'], [/^(debug|dbg)/i, 'debug'], [/^trace/i, 'trace'],
];

export const levelOf = (value: unknown) => LEVELS.find(([pattern]) => pattern.test(String(value ?? '').trim()))?.[1] ?? 'unknown';

export interface LineAsk { order?: 'Ascending' | 'Descending'; dedup?: 'none' | 'exact' | 'numbers' | 'signature' }

export function logLines(frames: DataFrame[], text: (field: Field, value: unknown) => string, ask: LineAsk): Line[] {
  const out: Line[] = [];
  for (const frame of frames) {
    const time = frame.fields.find((field) => field.type === FieldType.time);
    const level = frame.fields.find((field) => LEVEL.test(field.name));
    const words = frame.fields.filter((field) => field.type === FieldType.string && field !== level);
    const body = words.find((field) => BODY.test(field.name)) ?? words[0];
    if (!body) {
      continue;
    }
    for (let i = 0; i < frame.length; i++) {
      const details: Line['details'] = [];
      for (const field of frame.fields) {
        const value = field.values[i];
        if (field === body || field === time || value == null || value === '') {
          continue;
        }
        if (typeof value === 'object' && !Array.isArray(value)) {
          details.push(...Object.entries(value).map(([name, one]): [string, string] => [name, typeof one === 'object' ? JSON.stringify(one) : String(one)]));
        } else {
          details.push([field.name, typeof value === 'object' ? JSON.stringify(value) : text(field, value)]);
        }
      }
      const at = time?.values[i];
      out.push({ time: at == null ? null : Number(at), level: levelOf(level?.values[i]), text: String(body.values[i] ?? ''), details, repeats: 0 });
    }
  }
  const turn = ask.order === 'Ascending' ? 1 : -1;
  out.sort((a, b) => ((a.time ?? 0) - (b.time ?? 0)) * turn);
  return dedup(out, ask.dedup ?? 'none');
}

/** Neighbours that say the same are one line with a count: the same text, but for numbers, or but for letters and numbers. */
function dedup(lines: Line[], how: LineAsk['dedup']): Line[] {
  if (how === 'none') {
    return lines;
  }
  const key = (line: Line) => (how === 'exact' ? line.text : how === 'numbers' ? line.text.replace(/\d+/g, '') : line.text.replace(/\w+/g, ''));
  const out: Line[] = [];
  for (const line of lines) {
    const last = out[out.length - 1];
    if (last && key(last) === key(line)) {
      last.repeats += 1;
    } else {
      out.push({ ...line });
    }
  }
  return out;
}

/** Details that every line has, said once above instead of on each line. */
export function common(lines: Line[]): Array<[string, string]> {
  if (lines.length < 2) {
    return [];
  }
  return lines[0].details.filter(([name, value]) => lines.every((line) => line.details.some(([n, v]) => n === name && v === value)));
}

export function pretty(text: string): string {
  if (!/^\s*[[{]/.test(text)) {
    return text;
  }
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
