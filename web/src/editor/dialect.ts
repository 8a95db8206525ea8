// ClickHouse's SQL, as far as an editor colours it.
import { SQLDialect } from '@codemirror/lang-sql';

export const clickhouse = SQLDialect.define({
  keywords:
    'add after alias all alter and anti any array as asc asof attach between by case cast check cluster codec collate column comment constraint create cross cube current database databases dedupe default delete desc describe detach dictionary distinct distributed drop else end engine events except exchange exists explain extract fetch fill filter final first following for format from full function functions global grant group grouping having if ilike in index inner insert intersect interval into is join key kill last lateral left like limit live local logs materialize materialized modify mutation natural not nulls offset on only optimize or order outer over overflow partition pipeline plan populate preceding prewhere primary projection qualify range recursive rename replace replica right rollup row rows sample schema select semi set sets settings show some step syntax system table tables temporary test then ties to top totals trailing trim truncate ttl type unbounded union update use using uuid values view watch when where window with fill asterisk',
  types:
    'int8 int16 int32 int64 int128 int256 uint8 uint16 uint32 uint64 uint128 uint256 float32 float64 bfloat16 decimal decimal32 decimal64 decimal128 decimal256 bool string fixedstring date date32 datetime datetime64 uuid ipv4 ipv6 enum8 enum16 map tuple nested nullable lowcardinality aggregatefunction simpleaggregatefunction json dynamic variant',
  builtin: 'true false null inf nan',
  backslashEscapes: true,
  hashComments: true,
  identifierQuotes: '`"',
  caseInsensitiveIdentifiers: false,
});
