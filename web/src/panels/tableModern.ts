// Tables of older files: `displayMode` of a column and one footer for all, as the cell options and footers of today.
import { type DataFrame, type Field, FieldType, getFieldDisplayName } from '@grafana/data';

export interface OldFooter { show?: boolean; reducer?: string[]; fields?: string | string[]; countRows?: boolean }

const CELLS: Record<string, object> = {
  'color-background-solid': { type: 'color-background', mode: 'basic' },
  'color-background': { type: 'color-background', mode: 'gradient' },
  'gradient-gauge': { type: 'gauge', mode: 'gradient' },
  'lcd-gauge': { type: 'gauge', mode: 'lcd' },
  basic: { type: 'gauge', mode: 'basic' },
};

export function modern(frame: DataFrame, footer: OldFooter | undefined): DataFrame {
  const reducers = footer?.show ? footer.reducer ?? [] : [];
  const only = footer?.fields && footer.fields.length > 0 ? ([] as string[]).concat(footer.fields) : null;
  const fields = frame.fields.map((field, i): Field => {
    const custom = field.config.custom ?? {};
    const changes: Record<string, unknown> = {};
    const type = custom.cellOptions?.type;
    if (custom.displayMode && custom.displayMode !== 'auto' && (!type || type === 'auto')) {
      changes.cellOptions = CELLS[custom.displayMode] ?? { type: custom.displayMode };
    } else if (CELLS[type] && !custom.cellOptions.mode) {
      changes.cellOptions = { ...custom.cellOptions, ...CELLS[type] };
    }
    const counted = footer?.show && footer.countRows && reducers.includes('count');
    if (reducers.length > 0 && !custom.footer?.reducers?.length && (counted ? i === 0 : only ? only.includes(getFieldDisplayName(field, frame)) || only.includes(field.name) : field.type === FieldType.number)) {
      changes.footer = { reducers };
    }
    return Object.keys(changes).length === 0 ? field : { ...field, config: { ...field.config, custom: { ...custom, ...changes } } };
  });
  return fields.every((field, i) => field === frame.fields[i]) ? frame : { ...frame, fields };
}
