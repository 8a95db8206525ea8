// The file's annotation queries as data layers: each is a switch above the dashboard and marks on its panels.
import type { AnnotationQuery } from '@grafana/data';
import { SceneDataLayerSet, dataLayers } from '@grafana/scenes';
import type { DashboardJson } from '../api';
import { clickhouse } from '../datasource/clickhouse';
import { TABLE } from '../datasource/frames';

interface AnnotationJson {
  name: string;
  enable?: boolean;
  hide?: boolean;
  iconColor?: string;
  builtIn?: number;
  rawQuery?: string;
  query?: string;
  target?: { rawSql?: string; query?: string };
  [key: string]: any;
}

export function buildAnnotations(dashboard: DashboardJson): SceneDataLayerSet {
  const list: AnnotationJson[] = dashboard.annotations?.list ?? [];
  return new SceneDataLayerSet({
    layers: list.filter(asksForRows).map(
      (annotation) =>
        new dataLayers.AnnotationsDataLayer({
          key: `annotations-${annotation.name}`,
          name: annotation.name,
          isEnabled: Boolean(annotation.enable),
          isHidden: Boolean(annotation.hide),
          query: queryOf(annotation),
        })
    ),
  });
}

const sqlOf = ({ target, rawQuery, query }: AnnotationJson) => target?.rawSql ?? target?.query ?? rawQuery ?? query;

/** Annotations made by hand in a Grafana (`builtIn`) have no query; here there are none. */
const asksForRows = (annotation: AnnotationJson) => !annotation.builtIn && Boolean(sqlOf(annotation));

function queryOf(annotation: AnnotationJson): AnnotationQuery {
  const { query: _text, ...kept } = annotation;
  return {
    ...kept,
    enable: Boolean(annotation.enable),
    iconColor: annotation.iconColor ?? 'red',
    datasource: clickhouse.getRef(),
    target: { ...annotation.target, refId: 'Anno', rawSql: sqlOf(annotation), format: TABLE } as AnnotationQuery['target'],
  };
}
