// Frames as panels may rely on: every field has a config, values, a type, a display processor and a series number.
// The run request and the overrides normally see to that; hand-made frames, transformations and broken sources do not.
import {
  type DataFrame, type Field, FieldColorModeId, FieldType, type GrafanaTheme2, type TimeZone,
  getDisplayProcessor, getFieldDisplayName, formattedValueToString, guessFieldTypeForField, reduceField,
} from '@grafana/data';

export function saneFrames(frames: DataFrame[] | undefined, theme: GrafanaTheme2, timeZone?: TimeZone): DataFrame[] {
  let number = 0;
  return (frames ?? []).filter((frame) => Array.isArray(frame?.fields)).map((frame) => {
    const fields = frame.fields.filter(Boolean).map((field) => saneField(field, theme, timeZone, () => number++));
    const length = fields.reduce((most, field) => Math.max(most, field.values.length), 0);
    const same = length === frame.length && fields.length === frame.fields.length && fields.every((field, i) => field === frame.fields[i]);
    return same ? frame : { ...frame, fields, length };
  });
}

function saneField(field: Field, theme: GrafanaTheme2, timeZone: TimeZone | undefined, next: () => number): Field {
  const index = field.type === FieldType.number ? next() : 0;
  if (field.config && field.values && field.type && field.display && field.state?.seriesIndex !== undefined) {
    return field;
  }
  const whole: Field = { ...field, name: field.name ?? '', config: field.config ?? {}, values: field.values ?? [] };
  whole.type = field.type ?? guessFieldTypeForField(whole) ?? FieldType.other;
  whole.state = { ...field.state, seriesIndex: field.state?.seriesIndex ?? index };
  whole.display = field.display ?? getDisplayProcessor({ field: whole, theme, timeZone });
  return whole;
}

export const rows = (frames: DataFrame[]) => frames.reduce((sum, frame) => sum + frame.length, 0);

/**
 * Series of one plot take the palette's colours in their own order, whatever columns stood between them. The display
 * processor is made anew, for it has the colour in it.
 */
export function paletteOrder(list: Field[], theme: GrafanaTheme2, timeZone?: TimeZone): Field[] {
  return list.map((field, i) => {
    if (field.config.color?.mode !== FieldColorModeId.PaletteClassic || field.state?.seriesIndex === i) {
      return field;
    }
    const own: Field = { ...field, state: { ...field.state, seriesIndex: i } };
    own.display = getDisplayProcessor({ field: own, theme, timeZone });
    return own;
  });
}

/** Text of a value as the field's unit, decimals and mappings say. */
export function textOf(field: Field, value: unknown): string {
  return field.display ? formattedValueToString(field.display(value)) : String(value ?? '');
}

export function nameOf(field: Field, frame?: DataFrame, all?: DataFrame[]): string {
  return getFieldDisplayName(field, frame, all);
}

/** A number or null: what a query gives as text, NaN or infinity is no point on a plot. */
export function finite(value: unknown): number | null {
  const n = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof n === 'number' && Number.isFinite(n) ? n : null;
}

/** One sentence a screen reader can say instead of the picture: the title and the last value of the first series. */
export function summary(title: string, kind: string, frames: DataFrame[], most = 6): string {
  const said: string[] = [];
  let series = 0;
  for (const frame of frames) {
    for (const field of frame.fields) {
      if (field.type !== FieldType.number) {
        continue;
      }
      series += 1;
      if (said.length < most) {
        const last = reduceField({ field, reducers: ['lastNotNull'] }).lastNotNull;
        said.push(`${nameOf(field, frame, frames)} ${last == null ? 'no value' : textOf(field, last)}`);
      }
    }
  }
  const more = series > said.length ? ` and ${series - said.length} more` : '';
  return `${title ? `${title}: ` : ''}${kind}, last values: ${said.join(', ')}${more}`;
}
