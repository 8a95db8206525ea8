// One bar a value, from min to max, coloured by threshold.
import { type FieldDisplay, getDisplayValueAlignmentFactors, type PanelProps, VizOrientation } from '@grafana/data';
import { BarGaugeDisplayMode, BarGaugeNamePlacement, BarGaugeValueMode, type OptionsWithLegend, type SingleStatBaseOptions } from '@grafana/schema';
import { BarGauge, useTheme2, VizRepeater } from '@grafana/ui';
import { Figure, NoData, panel } from './kit/Panel';
import { hasRows, Linked, orientationOf, useValues, valuesSaid } from './kit/values';

export interface BarGaugeOptions extends SingleStatBaseOptions, OptionsWithLegend {
  displayMode: BarGaugeDisplayMode;
  valueMode: BarGaugeValueMode;
  namePlacement: BarGaugeNamePlacement;
  showUnfilled: boolean;
  sizing: 'auto' | 'manual';
  minVizWidth: number;
  minVizHeight: number;
  maxVizHeight: number;
}

export const BarGaugePanel = panel<BarGaugeOptions>((props: PanelProps<BarGaugeOptions>) => {
  const theme = useTheme2();
  const { options, width, height, title, renderCounter } = props;
  const values = useValues(props, false).filter((value) => !value.field.custom?.hideFrom?.viz);
  if (values.length === 0 || !hasRows(props)) {
    return <NoData title={title} frames={props.data.series} needs="a number field" noValue={props.fieldConfig?.defaults?.noValue} />;
  }
  const manual = options.sizing === 'manual';
  const orientation = orientationOf(options.orientation as VizOrientation | undefined, width, height);
  // On white the bar keeps its colour, but its number would be too pale to read.
  const asked = options.valueMode ?? BarGaugeValueMode.Color;
  const valueMode = theme.isLight && asked === BarGaugeValueMode.Color ? BarGaugeValueMode.Text : asked;
  const lcd = options.displayMode === BarGaugeDisplayMode.Lcd;
  return (
    <Figure label={valuesSaid(title, values)} width={width} height={height}>
      <VizRepeater<FieldDisplay, ReturnType<typeof getDisplayValueAlignmentFactors>>
        getValues={() => values} getAlignmentFactors={(all) => getDisplayValueAlignmentFactors(all)} source={values}
        width={width} height={height} renderCounter={renderCounter} orientation={orientation} itemSpacing={lcd ? 2 : 10}
        minVizWidth={manual ? options.minVizWidth : 8} minVizHeight={manual ? options.minVizHeight : 16} maxVizHeight={manual ? options.maxVizHeight : 300}
        renderValue={({ value, width: w, height: h, alignmentFactors, count }) => (
          <Linked value={value}>
            {(open) => (
              <BarGauge theme={theme} value={value.display} field={value.field} display={value.view?.getFieldDisplayProcessor(value.colIndex ?? 0)}
                width={w} height={h} orientation={orientation} onClick={open} text={options.text} alignmentFactors={count > 1 ? alignmentFactors : undefined}
                displayMode={options.displayMode ?? BarGaugeDisplayMode.Gradient} valueDisplayMode={valueMode}
                namePlacement={options.namePlacement ?? BarGaugeNamePlacement.Auto} showUnfilled={options.showUnfilled ?? true} itemSpacing={lcd ? 2 : 10} lcdCellWidth={12} />
            )}
          </Linked>
        )} />
    </Figure>
  );
});
