// Grafana's own built-in source, which holds annotations made by hand. Here are none: it answers every query empty.
import { DataSourceApi } from '@grafana/data';
import { settings } from './clickhouse';

class Nothing extends DataSourceApi {
  override annotations = {};

  override async query() {
    return { data: [] };
  }

  override async testDatasource() {
    return { status: 'success', message: '' };
  }
}

export const nothing = new Nothing({ ...settings, uid: '-- Grafana --', type: 'grafana', name: '-- Grafana --' });
