import { describe, expect, it } from 'vitest';
import { unsupported } from './unsupported';

const none = { defaults: {}, overrides: [] };

describe('what a file asks that is not drawn', () => {
  it('is nothing for what real dashboards use', () => {
    expect(unsupported('timeseries', { legend: { displayMode: 'table', placement: 'right', showLegend: true, calcs: ['mean'] }, tooltip: { mode: 'multi', sort: 'desc' } }, {
      defaults: { custom: { drawStyle: 'line', lineInterpolation: 'linear', barAlignment: 0, lineWidth: 1, fillOpacity: 0, gradientMode: 'none', spanNulls: false, insertNulls: false, showPoints: 'auto', pointSize: 5, stacking: { mode: 'none', group: 'A' }, axisPlacement: 'auto', axisLabel: '', axisColorMode: 'text', axisBorderShow: false, axisCenteredZero: false, scaleDistribution: { type: 'linear' }, hideFrom: { tooltip: false, viz: false, legend: false }, thresholdsStyle: { mode: 'off' } } },
      overrides: [{ matcher: { id: 'byName', options: 'x' }, properties: [{ id: 'custom.lineStyle', value: { fill: 'dash' } }, { id: 'unit', value: 's' }] }],
    })).toEqual([]);
    expect(unsupported('table', { showHeader: true, cellHeight: 'sm', footer: { show: true, reducer: ['sum'], countRows: false, fields: '' }, sortBy: [] }, { defaults: { custom: { align: 'auto', cellOptions: { type: 'auto' }, inspect: false } }, overrides: [{ matcher: { id: 'byName', options: 'x' }, properties: [{ id: 'custom.width', value: 90 }, { id: 'custom.displayMode', value: 'color-background' }] }] })).toEqual([]);
    expect(unsupported('heatmap', { calculate: true, color: { mode: 'scheme', scheme: 'Oranges', fill: 'dark-orange', exponent: 0.5, reverse: false, scale: 'exponential', steps: 64 }, exemplars: { color: 'rgba(255,0,255,0.7)' }, filterValues: { le: 1e-9 }, legend: { show: true }, rowsFrame: { layout: 'auto' }, showValue: 'never', tooltip: { mode: 'single', yHistogram: false, showColorScale: false }, yAxis: { axisPlacement: 'left', reverse: false }, cellGap: 1 }, { defaults: { custom: { hideFrom: { legend: false, tooltip: false, viz: false }, scaleDistribution: { type: 'linear' } } }, overrides: [] })).toEqual([]);
    expect(unsupported('stat', { reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false }, orientation: 'auto', textMode: 'auto', wideLayout: true, colorMode: 'value', graphMode: 'area', justifyMode: 'auto', showPercentChange: false, percentChangeColorMode: 'standard' }, none)).toEqual([]);
  });
  it('is named as it stands in the file', () => {
    expect(unsupported('timeseries', { timeCompare: { from: '1d' }, sparkles: true }, none)).toEqual(['options.sparkles', 'options.timeCompare']);
    expect(unsupported('timeseries', {}, { defaults: { custom: { glitter: 3 } }, overrides: [] })).toEqual(['custom.glitter']);
    expect(unsupported('table', {}, { defaults: {}, overrides: [{ matcher: { id: 'byName', options: 'x' }, properties: [{ id: 'custom.cellOptions', value: { type: 'image' } }] }] })).toEqual(['custom.cellOptions.type']);
    expect(unsupported('heatmap', { tooltip: { yHistogram: true } }, none)).toEqual(['options.tooltip.yHistogram']);
    expect(unsupported('logs', { displayedFields: ['pod'] }, none)).toEqual(['options.displayedFields']);
  });
  it('is nothing for nothing and for types that are not ours', () => {
    expect(unsupported('timeseries', undefined, undefined)).toEqual([]);
    expect(unsupported('nodeGraph', { a: 1 }, none)).toEqual([]);
    expect(unsupported('stat', { weird: '', off: false, empty: [], zero: 0 }, none)).toEqual([]);
  });
});
