// One big number a series, with its trend behind it.
import { getDisplayValueAlignmentFactors, type FieldDisplay, type FieldSparkline, type PanelProps } from '@grafana/data';
import type { BigValueColorMode, BigValueGraphMode, BigValueJustifyMode, BigValueTextMode, PercentChangeColorMode, SingleStatBaseOptions } from '@grafana/schema';
import { BigValue, type BigValueColorMode as Color, type BigValueGraphMode as Graph, type BigValueJustifyMode as Justify, type BigValueTextMode as Text, useTheme2, VizRepeater } from '@grafana/ui';
import { readable } from './kit/contrast';
import { Figure, NoData, panel } from './kit/Panel';
import { hasRows, Linked, orientationOf, rangeOf, useValues, valuesSaid } from './kit/values';

export interface StatOptions extends SingleStatBaseOptions {
  graphMode: BigValueGraphMode;
  colorMode: BigValueColorMode;
  justifyMode: BigValueJustifyMode;
  textMode: BigValueTextMode;
  wideLayout: boolean;
  showPercentChange: boolean;
  percentChangeColorMode: PercentChangeColorMode;
}

function ownScale(sparkline: FieldSparkline | undefined): FieldSparkline | undefined {
  return sparkline && { ...sparkline, y: { ...sparkline.y, config: { ...sparkline.y.config, min: undefined, max: undefined }, state: { ...sparkline.y.state, range: rangeOf(sparkline.y) } } };
}

export const StatPanel = panel<StatOptions>((props: PanelProps<StatOptions>) => {
  const theme = useTheme2();
  const { options, width, height, title, renderCounter } = props;
  const trend = (options.graphMode ?? 'area') !== 'none';
  const values = useValues(props, trend, options.showPercentChange).filter((value) => !value.field.custom?.hideFrom?.viz);
  if (values.length === 0 || !hasRows(props)) {
    return <NoData title={title} frames={props.data.series} needs="a number field" noValue={props.fieldConfig?.defaults?.noValue} />;
  }
  // Orange and yellow on white are no text; big numbers need 3:1.
  const coloured = (options.colorMode ?? 'value') === 'value';
  // Trends of one unit share their scale, as in Grafana; beside another unit that would be a flat line.
  const mixed = new Set(values.map((value) => value.field.unit ?? '')).size > 1;
  const one = ({ value, width: w, height: h, alignmentFactors, count }: { value: FieldDisplay; width: number; height: number; alignmentFactors: object; count: number }) => (
    <Linked value={value}>
      {(open) => (
        <BigValue value={coloured ? { ...value.display, color: value.display.color && readable(value.display.color, theme.colors.background.primary, 3) } : value.display} width={w} height={h} count={count} theme={theme}
          sparkline={trend ? (mixed ? ownScale(value.sparkline) : value.sparkline) : undefined} onClick={open} hasLinks={value.hasLinks}
          alignmentFactors={alignmentFactors as ReturnType<typeof getDisplayValueAlignmentFactors>}
          colorMode={(options.colorMode ?? 'value') as unknown as Color} graphMode={(options.graphMode ?? 'area') as unknown as Graph}
          justifyMode={(options.justifyMode ?? 'auto') as unknown as Justify} textMode={(options.textMode ?? 'auto') as unknown as Text}
          percentChangeColorMode={options.percentChangeColorMode} text={options.text} disableWideLayout={options.wideLayout === false} />
      )}
    </Linked>
  );
  return (
    <Figure label={valuesSaid(title, values)} width={width} height={height}>
      <VizRepeater<FieldDisplay, object> getValues={() => values} getAlignmentFactors={(all) => getDisplayValueAlignmentFactors(all)} renderValue={one}
        source={values} width={width} height={height} itemSpacing={3} renderCounter={renderCounter} autoGrid
        orientation={options.orientation && options.orientation !== 'auto' ? orientationOf(options.orientation as never, width, height) : ('auto' as never)} />
    </Figure>
  );
});
