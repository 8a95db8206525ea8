// What a file uses that this page does not do. It is said where it stands; nothing is dropped in silence.
import { standardTransformersRegistry } from '@grafana/data';
import type { DashboardJson } from '../api';
import { isKnownPanel, notDrawn } from '../host/panelPlugins';
import type { PanelJson, TargetJson } from './json';

const SOURCE = 'grafana-clickhouse-datasource';
const VARIABLES = new Set(['datasource', 'query', 'custom', 'interval', 'textbox', 'constant']);
const NEWEST_SCHEMA = 42;

export function noticesOfDashboard(dashboard: DashboardJson): string[] {
  const notices: string[] = [];
  if (dashboard.elements || dashboard.apiVersion || dashboard.spec) {
    notices.push('This file is of Grafana’s second dashboard schema (v2); Millrace reads the classic one. Export it as classic JSON.');
  }
  if ((dashboard.schemaVersion ?? 0) > NEWEST_SCHEMA) {
    notices.push(`The file’s schemaVersion ${dashboard.schemaVersion} is newer than ${NEWEST_SCHEMA}; what came after it is not shown.`);
  }
  for (const variable of dashboard.templating?.list ?? []) {
    if (!VARIABLES.has(variable.type)) {
      notices.push(`The variable “${variable.name}” is of type ${variable.type}, which Millrace does not offer.`);
    } else if (variable.type === 'datasource' && variable.query !== SOURCE) {
      notices.push(`The variable “${variable.name}” chooses among data sources of type ${variable.query}; here is ClickHouse alone.`);
    }
  }
  for (const annotation of dashboard.annotations?.list ?? []) {
    if (!annotation.builtIn && !isOurs(annotation.datasource)) {
      notices.push(`The annotations “${annotation.name}” come from a data source of type ${typeOf(annotation.datasource)}.`);
    }
  }
  return notices;
}

export function noticesOfPanel(panel: PanelJson): string[] {
  const notices: string[] = [];
  if (panel.libraryPanel) {
    notices.push(`The library panel “${panel.libraryPanel.name ?? panel.libraryPanel.uid}” is kept in a Grafana; its file is not here.`);
  } else if (!isKnownPanel(panel.type)) {
    notices.push(`The panel type ${panel.type} is not drawn by Millrace.`);
  }
  const options = notDrawn(panel.type, panel.options, panel.fieldConfig);
  if (options.length > 0) {
    notices.push(`Not drawn as the file asks: ${options.join(', ')}.`);
  }
  for (const { id, disabled } of panel.transformations ?? []) {
    if (!disabled && !standardTransformersRegistry.getIfExists(id)) {
      notices.push(`The transformation ${id} is not known and was left out.`);
    }
  }
  for (const target of panel.targets ?? []) {
    const foreign = foreignTarget(target, panel);
    if (foreign && !target.hide) {
      notices.push(`Query ${target.refId} asks ${foreign}, which is not run here.`);
    }
  }
  return notices;
}

function foreignTarget(target: TargetJson, panel: PanelJson): string | undefined {
  const source = target.datasource ?? panel.datasource;
  if (typeOf(source) === '__expr__') {
    return 'an expression of Grafana’s server';
  }
  const uid = typeof source === 'string' ? source : source?.uid;
  if (uid === '-- Dashboard --') {
    return 'another panel of the dashboard';
  }
  return isOurs(source) ? undefined : `a data source of type ${typeOf(source)}`;
}

function typeOf(source: unknown): string | undefined {
  return (source as { type?: string } | null)?.type;
}

/** A source without a type, by name or by variable, is the only one there is. */
function isOurs(source: unknown): boolean {
  const type = typeOf(source);
  return type === undefined || type === SOURCE || type === 'datasource' || type === 'grafana';
}
