// ClickHouse's column types as Grafana's field types, and the values of JSONColumns as those fields hold them.
import { FieldType } from '@grafana/data';

/** `LowCardinality(Nullable(String))` → `String`; `SimpleAggregateFunction(sum, Int64)` → `Int64`. */
export function unwrap(type: string): string {
  const wrapped = /^(Nullable|LowCardinality)\((.*)\)$/s.exec(type);
  if (wrapped) {
    return unwrap(wrapped[2]);
  }
  const aggregate = /^SimpleAggregateFunction\([^,]*,\s*(.*)\)$/s.exec(type);
  return aggregate ? unwrap(aggregate[1]) : type;
}

export function fieldTypeOf(type: string): FieldType {
  const bare = unwrap(type);
  if (/^(DateTime|DateTime64)(\(|$)/.test(bare) || /^Date(32)?$/.test(bare)) {
    return FieldType.time;
  }
  if (/^(U?Int\d+|Float\d+|BFloat16|Decimal\d*|Interval\w+)(\(|$)/.test(bare)) {
    return FieldType.number;
  }
  return bare === 'Bool' ? FieldType.boolean : FieldType.string;
}

export function valuesOf(type: string, column: unknown[]): unknown[] {
  const bare = unwrap(type);
  switch (fieldTypeOf(bare)) {
    case FieldType.time:
      return column.map(bare.startsWith('DateTime') ? millisecondsOfSeconds : millisecondsOfDay);
    case FieldType.number:
      return column.map(numberOf);
    case FieldType.boolean:
      return column.map((value) => (value === null ? null : Boolean(value)));
    default:
      return column.map(textOf);
  }
}

/** Unix seconds with a fraction, as text. */
function millisecondsOfSeconds(value: unknown): number | null {
  return value === null ? null : Math.round(Number(value) * 1000);
}

function millisecondsOfDay(value: unknown): number | null {
  return value === null ? null : Date.parse(`${value}T00:00:00Z`);
}

/** 64-bit integers and decimals come as text; NaN and the infinities too, because JSON has none. */
export function numberOf(value: unknown): number | null {
  if (value === null || typeof value === 'number') {
    return value;
  }
  switch (value) {
    case 'nan':
    case '-nan':
      return NaN;
    case 'inf':
      return Infinity;
    case '-inf':
      return -Infinity;
    default:
      return Number(value);
  }
}

function textOf(value: unknown): string | null {
  if (value === null || typeof value === 'string') {
    return value;
  }
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
